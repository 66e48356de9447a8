#include "api/e2b/tokens.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cctype>

#include "api/common/hmac.h"
#include "base/base64.h"
#include "base/number.h"
#include "store/ids.h"

namespace brig::api::e2b {
namespace {

constexpr std::size_t kExpiryDigits = 12;       // until the year 33658
constexpr std::size_t kSignatureSize = 3 + 43;  // "v1_" and a SHA-256 in base64 without its padding

}  // namespace

bool is_same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string Tokens::sign(std::string_view what, std::string_view sandbox_id) const {
  const std::string text = "brig e2b 1\n" + std::string(what) + "\n" + std::string(sandbox_id);
  return hmac_hex(secret_, text);
}

std::string Tokens::access(std::string_view sandbox_id) const { return sign("access", sandbox_id); }
std::string Tokens::traffic(std::string_view sandbox_id) const { return sign("traffic", sandbox_id); }

std::string file_signature(const SignedFile& file, FileAccess access, std::string_view access_token) {
  std::string text = file.path + ":" + (access == FileAccess::kRead ? "read" : "write") + ":" + file.username + ":" +
                     std::string(access_token);
  if (file.expiration) text += ":" + *file.expiration;
  std::string base64 = to_base64(store::sha256(text));
  while (base64.ends_with('=')) base64.pop_back();
  return "v1_" + base64;
}

bool is_signature(std::string_view text) {
  const auto is_base64 = [](unsigned char c) { return std::isalnum(c) != 0 || c == '+' || c == '/'; };
  return text.size() == kSignatureSize && text.starts_with("v1_") && std::ranges::all_of(text.substr(3), is_base64);
}

Result<> check_signature(const SignedFile& file, FileAccess access, std::string_view access_token, WallTime now) {
  if (!is_same_secret(file.signature, file_signature(file, access, access_token)))
    return Error(Code::kDenied, "invalid signature");
  if (!file.expiration) return {};
  const auto seconds = file.expiration->size() <= kExpiryDigits ? whole_number<std::uint64_t>(*file.expiration)
                                                                : std::optional<std::uint64_t>();
  if (!seconds) return Error(Code::kInvalidArgument, "signature_expiration: seconds since 1970 are expected");
  if (static_cast<std::int64_t>(*seconds) < milliseconds_since_1970(now) / 1000)
    return Error(Code::kDenied, "signature is already expired");
  return {};
}

}  // namespace brig::api::e2b
