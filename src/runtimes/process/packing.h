#pragma once
/// Packer and Unpacker: values as bytes between Brig's own programs, which come from one build, so there is no version.
/// The reader checks every length all the same. Integers little-endian, texts as a 32-bit length, the bytes and a NUL.
/// Without heap on the reading side and without exceptions, so that brig-init can use it.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>

namespace brig::runtimes::process {

class Packer {
 public:
  template <class Number>
  void number(Number value) {
    std::array<char, sizeof value> bytes;
    std::memcpy(bytes.data(), &value, sizeof value);
    bytes_.append(bytes.data(), bytes.size());
  }
  void text(const std::string& text) {
    number(static_cast<std::uint32_t>(text.size()));
    bytes_ += text;
    bytes_ += '\0';
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// A text in the buffer being read: NUL-terminated in place.
struct PackedText {
  const char* data = "";
  std::uint32_t size = 0;
};

/// Reads fields from the front of a buffer. After any malformed field `is_bad()` stays true and everything reads as
/// zero.
class Unpacker {
 public:
  explicit Unpacker(std::span<const char> bytes) : rest_(bytes) {}
  [[nodiscard]] bool is_bad() const { return is_bad_; }
  [[nodiscard]] bool is_at_end() const { return rest_.empty(); }

  template <class Number>
  Number number() {
    Number value = 0;
    if (is_bad_ || rest_.size() < sizeof value) {
      is_bad_ = true;
      return 0;
    }
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_ = rest_.subspan(sizeof value);
    return value;
  }

  PackedText text() {
    const auto size = number<std::uint32_t>();
    if (is_bad_ || rest_.size() < std::size_t{size} + 1 || rest_[size] != '\0') {
      is_bad_ = true;
      return {};
    }
    const PackedText text{.data = rest_.data(), .size = size};
    rest_ = rest_.subspan(std::size_t{size} + 1);
    return text;
  }

 private:
  std::span<const char> rest_;
  bool is_bad_ = false;
};

}  // namespace brig::runtimes::process
