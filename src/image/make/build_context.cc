#include "image/make/build_context.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "base/text.h"
#include "sys/file.h"

namespace brig::image {
namespace {

constexpr std::size_t kFileMost = std::size_t{1} << 20;
constexpr std::string_view kIgnoreFile = ".dockerignore";

/// "src/a.py" is "src"; what is no plain name stands for everything.
std::string first_part(std::string_view source) {
  while (source.starts_with('/') || source.starts_with("./")) source.remove_prefix(1);
  const std::string_view part = source.substr(0, source.find('/'));
  const bool is_plain =
      !part.empty() && part != "." && part != ".." && part.find_first_of("*?[\\") == std::string_view::npos;
  return is_plain ? std::string(part) : ".";
}

}  // namespace

Result<std::string> read_dockerfile_text(const HostPath& file, const HostPath& context) {
  const std::string inside = context.text() + "/";
  const std::string& path = file.text();
  const bool is_inside = path.starts_with(inside);
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (is_inside ? 0U : static_cast<unsigned>(O_NOFOLLOW));
  how.resolve = RESOLVE_NO_MAGICLINKS | (is_inside ? RESOLVE_BENEATH : 0U);
  const Fd folder = TRY(sys::open(context.text(), O_RDONLY | O_DIRECTORY));
  const char* const name = path.c_str() + (is_inside ? inside.size() : 0);
  const Fd opened(static_cast<int>(::syscall(SYS_openat2, folder.get(), name, &how, sizeof how)));
  if (!opened.is_open() && (errno == EXDEV || errno == ELOOP)) {
    return Error(Code::kInvalidArgument,
                 printable(path, 300) + " is a link that leads out of the context: give the file itself (-f)");
  }
  if (!opened.is_open()) return Error::last_system("open " + printable(path, 300));
  struct stat status{};
  if (::fstat(opened.get(), &status) != 0 || !S_ISREG(status.st_mode))
    return Error(Code::kInvalidArgument, printable(path, 300) + " is not a file");
  return sys::read_all(opened.ref(), kFileMost).context(printable(path, 300));
}

PackChoice choose_members(const HostPath& context, const std::vector<std::string>& sources,
                          std::vector<std::string> ignored) {
  PackChoice choice{.members = {}, .without = std::move(ignored)};
  for (const std::string& source : sources) choice.members.push_back(first_part(source));
  if (std::ranges::find(choice.members, ".") != choice.members.end()) {
    choice.members = {"."};
  } else {
    struct stat status{};
    const bool has_list = ::lstat((context.text() + "/" + std::string(kIgnoreFile)).c_str(), &status) == 0;
    if (has_list) choice.members.emplace_back(kIgnoreFile);
    std::ranges::sort(choice.members);
    const auto repeated = std::ranges::unique(choice.members);
    choice.members.erase(repeated.begin(), repeated.end());
  }
  // The worker that copies reads it again: what it leaves out may be more than `ignored` had room for.
  std::erase(choice.without, kIgnoreFile);
  return choice;
}

}  // namespace brig::image
