/// Tree::fit(): what an image lacks to be the root of a sandbox.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/text.h"
#include "image/worker/beneath.h"
#include "image/worker/tree.h"
#include "sys/file.h"

namespace brig::image {
namespace {

constexpr std::size_t kUserFileMost = std::size_t{1} << 20;
constexpr std::string_view kUserId = "1000";

/// Where a sandbox mounts something of its own: a read-only image cannot be given new folders later.
constexpr std::array<std::string_view, 11> kPlaces{"dev", "etc", "home", "home/user", "proc",     "run",
                                                   "sys", "tmp", "usr",  "var",       "workspace"};

/// Whether the third field of some line ("name:x:1000:…") is the sandbox's user.
bool has_user(std::string_view text) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second != std::string_view::npos &&
        line.substr(second + 1).substr(0, line.substr(second + 1).find(':')) == kUserId)
      return true;
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return false;
}

/// The text without the lines of a name that is going to be another's.
std::string without_user(std::string_view text) {
  std::string rest;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (!line.empty() && !line.starts_with("user:")) rest += std::string(line) + "\n";
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return rest;
}

}  // namespace

/// A file of ours, in the place of whatever the image has there.
Result<> Tree::put_text(const std::string& path, std::string_view text) {
  std::string_view left = text;
  const Contents contents = [&left](std::span<char> buffer) -> Result<std::size_t> {
    const std::size_t count = left.copy(buffer.data(), buffer.size());
    left.remove_prefix(count);
    return count;
  };
  return add_at(path, {.type = MemberType::kFile, .path = path, .mode = 0644}, contents);
}

Result<> Tree::put_link(const std::string& path, std::string_view target) {
  return add_at(path, {.type = MemberType::kSymlink, .path = path, .target = std::string(target)}, {});
}

Result<> Tree::add_user(const std::string& file, const std::string& line, const std::string& root_line) {
  std::string text;
  if (const auto open = open_beneath(root_, file, O_RDONLY | O_NONBLOCK)) {
    text = TRY(sys::read_all(open->ref(), kUserFileMost).context("/" + file));
  }
  if (text.empty()) text = root_line;
  if (has_user(text)) return {};
  return put_text(file, without_user(text) + line);
}

Result<> Tree::fit() {
  whiteouts_ = Whiteouts::kPlain;
  for (const std::string_view place : kPlaces) {
    if (place == "var" || place == "home") {
      // A link is as good: what lies behind it is the image's own affair.
      struct stat status{};
      if (::fstatat(root_.get(), std::string(place).c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
          !S_ISDIR(status.st_mode)) {
        if (place == "var") continue;
        TRY(clear(root_, "home", false));
      }
    }
    TRY(open_folder(place).context("the image cannot be a root"));
  }
  const std::string shell = has_program("bin/bash") ? "/bin/bash" : "/bin/sh";
  TRY(add_user("etc/passwd", "user:x:1000:1000:user:/home/user:" + shell + "\n", "root:x:0:0:root:/:/bin/sh\n"));
  TRY(add_user("etc/group", "user:x:1000:\n", "root:x:0:\n"));
  TRY(put_text("etc/hostname", "brig\n"));
  TRY(put_text("etc/hosts", "127.0.0.1 localhost brig\n::1 localhost\n"));
  TRY(put_text("etc/resolv.conf", "# no network\n"));
  TRY(put_link("etc/mtab", "/proc/self/mounts"));
  struct stat status{};
  if (::fstatat(root_.get(), "var", &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode))
    TRY(put_link("var/tmp", "/tmp"));
  return {};
}

}  // namespace brig::image
