#pragma once
/// ScratchFolder: an empty folder of a test's own, removed with it.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace brig::image::testing {

class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = ::testing::TempDir() + "brig-image-XXXXXX";
    if (::mkdtemp(pattern.data()) != nullptr) path_ = pattern;
    EXPECT_FALSE(path_.empty());
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() { std::filesystem::remove_all(path_); }

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
  [[nodiscard]] std::string text(std::string_view name) const {
    std::ostringstream text;
    text << std::ifstream(*this / name).rdbuf();
    return text.str();
  }
  void write(std::string_view name, std::string_view text) const { std::ofstream(*this / name) << text; }
  [[nodiscard]] bool has(std::string_view name) const {
    return std::filesystem::exists(std::filesystem::symlink_status(*this / name));
  }
  [[nodiscard]] struct stat status(std::string_view name) const {
    struct stat status{};
    EXPECT_EQ(::lstat((*this / name).c_str(), &status), 0) << name;
    return status;
  }

 private:
  std::string path_;
};

}  // namespace brig::image::testing
