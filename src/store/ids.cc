#include "store/ids.h"

#include <openssl/sha.h>

#include <algorithm>
#include <cstdint>
#include <span>

#include "sys/random_bytes.h"

namespace brig::store {
namespace {

constexpr std::string_view kAlphabet = "abcdefghjkmnpqrstuvwxyz23456789";
constexpr std::size_t kLetters = 23;
constexpr std::string_view kHex = "0123456789abcdef";

/// A uniform choice below `count`: bytes that would favour the first characters are thrown away.
class Dice {
 public:
  std::size_t roll(std::size_t count) {
    const std::size_t fair = 256 - 256 % count;
    while (true) {
      if (next_ == bytes_.size()) {
        sys::fill_random(bytes_);
        next_ = 0;
      }
      const auto byte = static_cast<std::size_t>(bytes_[next_++]);
      if (byte < fair) return byte % count;
    }
  }

 private:
  std::array<std::byte, 32> bytes_{};
  std::size_t next_ = bytes_.size();
};

}  // namespace

std::string make_id() {
  Dice dice;
  std::string id;
  for (std::size_t i = 0; i < kIdLength; ++i) id += kAlphabet[dice.roll(i == 0 ? kLetters : kAlphabet.size())];
  return id;
}

bool is_id(std::string_view text) {
  return text.size() == kIdLength && text.find_first_not_of(kAlphabet) == std::string_view::npos &&
         kAlphabet.find(text[0]) < kLetters;
}

std::string make_key_digits() { return sys::random_hex(kKeyDigits / 2); }

std::optional<std::string_view> key_digits(std::string_view presented) {
  for (const std::string_view prefix : kKeyPrefixes) {
    if (!presented.starts_with(prefix)) continue;
    presented.remove_prefix(prefix.size());
    break;
  }
  if (presented.size() != kKeyDigits || presented.find_first_not_of(kHex) != std::string_view::npos)
    return std::nullopt;
  return presented;
}

std::string sha256(std::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

}  // namespace brig::store
