#pragma once
/// TarMaker: tars as tests want them, also such as no tool would write.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

namespace brig::image::testing {

class TarMaker {
 public:
  TarMaker& file(std::string_view path, std::string_view text, unsigned mode = 0644) {
    return member('0', path, "", text, mode);
  }
  TarMaker& folder(std::string_view path) { return member('5', path, "", "", 0755); }
  TarMaker& symlink(std::string_view path, std::string_view target) { return member('2', path, target, "", 0777); }
  TarMaker& hard_link(std::string_view path, std::string_view target) { return member('1', path, target, "", 0644); }

  /// Any header; a long path or target goes into an extended one.
  TarMaker& member(char type, std::string_view path, std::string_view target, std::string_view text, unsigned mode) {
    std::string extended;
    if (path.size() > 100) extended += record("path", path);
    if (target.size() > 100) extended += record("linkpath", target);
    if (!extended.empty()) extension('x', extended);
    header(type, path, target, text.size(), mode);
    return contents(text);
  }
  TarMaker& extension(char type, std::string_view text) {
    header(type, "extension", "", text.size(), 0644);
    return contents(text);
  }
  static std::string record(std::string_view key, std::string_view value) {
    std::size_t length = key.size() + value.size() + 3;
    while (std::to_string(length).size() + key.size() + value.size() + 3 > length) ++length;
    return std::to_string(length) + " " + std::string(key) + "=" + std::string(value) + "\n";
  }
  TarMaker& header(char type, std::string_view path, std::string_view target, std::uint64_t size, unsigned mode) {
    std::array<char, 512> block{};
    path.substr(0, 100).copy(block.data(), 100);
    (void)std::snprintf(block.data() + 100, 8, "%07o", mode);
    (void)std::snprintf(block.data() + 108, 8, "%07o", 0U);
    (void)std::snprintf(block.data() + 116, 8, "%07o", 0U);
    (void)std::snprintf(block.data() + 124, 12, "%011llo", static_cast<unsigned long long>(size));
    (void)std::snprintf(block.data() + 136, 12, "%011o", 1'000'000'000U);
    block[156] = type;
    target.substr(0, 100).copy(block.data() + 157, 100);
    std::memcpy(block.data() + 257,
                "ustar\0"
                "00",
                8);
    unsigned sum = 8 * ' ';
    for (const char c : block) sum += static_cast<unsigned char>(c);
    (void)std::snprintf(block.data() + 148, 8, "%06o", sum);
    text_.append(block.data(), block.size());
    return *this;
  }
  TarMaker& contents(std::string_view text) {
    text_ += text;
    text_.append((512 - text.size() % 512) % 512, '\0');
    return *this;
  }
  /// The tar with its end.
  [[nodiscard]] std::string done() const { return text_ + std::string(1024, '\0'); }
  [[nodiscard]] const std::string& unfinished() const { return text_; }

 private:
  std::string text_;
};

}  // namespace brig::image::testing
