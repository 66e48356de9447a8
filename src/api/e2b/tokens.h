#pragma once
/// Tokens: what opens the agent's door and the ports of one sandbox, and signed addresses of files. Pure.
///
/// A token is HMAC-SHA256 of the daemon's secret over what it opens and the sandbox's id, in hexadecimal: nothing of it
/// is stored, and it is worth nothing once the sandbox has ended, whose id never comes back.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/wall_time.h"

namespace brig::api::e2b {

/// Compared in constant time.
[[nodiscard]] bool is_same_secret(std::string_view a, std::string_view b);

class Tokens {
 public:
  explicit Tokens(std::string secret) : secret_(std::move(secret)) {}
  /// X-Access-Token: commands and files. 64 hexadecimal digits.
  [[nodiscard]] std::string access(std::string_view sandbox_id) const;
  /// E2b-Traffic-Access-Token: ports of a sandbox that is not public.
  [[nodiscard]] std::string traffic(std::string_view sandbox_id) const;

 private:
  [[nodiscard]] std::string sign(std::string_view what, std::string_view sandbox_id) const;
  std::string secret_;
};

/// A request for a file whose address was signed: the parameters of its query, decoded.
struct SignedFile {
  std::string path;
  std::string username;
  std::string signature;
  std::optional<std::string> expiration;  ///< seconds since 1970, as the client wrote them
};
enum class FileAccess : std::uint8_t { kRead, kWrite };

/// Whether it could be one of any file's: only then is it compared with those of every sandbox.
[[nodiscard]] bool is_signature(std::string_view text);
/// "v1_" and what E2B's clients make of path, access, user, token and expiration.
[[nodiscard]] std::string file_signature(const SignedFile& file, FileAccess access, std::string_view access_token);
/// kDenied "invalid signature", "signature is already expired": E2B's own words. kInvalidArgument for an expiration
/// that is no number.
Result<> check_signature(const SignedFile& file, FileAccess access, std::string_view access_token, WallTime now);

}  // namespace brig::api::e2b
