#include "api/common/hmac.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

namespace brig::api {

std::string hmac_hex(std::string_view secret, std::string_view text) {
  constexpr std::size_t kDigest = 32;
  std::array<unsigned char, kDigest> digest{};
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string hex;
  for (const unsigned char byte : digest) {
    hex += kHex[byte >> 4U];
    hex += kHex[byte & 15U];
  }
  return hex;
}

}  // namespace brig::api
