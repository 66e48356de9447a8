#include "api/common/hmac.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "base/hex.h"

namespace brig::api {

std::string hmac_hex(std::string_view secret, std::string_view text) {
  constexpr std::size_t kDigest = 32;
  std::array<unsigned char, kDigest> digest{};
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  return to_hex(std::as_bytes(std::span(digest)));
}

}  // namespace brig::api
