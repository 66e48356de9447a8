#include "service/copies.h"

#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "base/text.h"
#include "sys/file.h"

namespace brig::service {
namespace {

/// Modes of copies.
constexpr std::uint16_t kReadable = 0444;
constexpr std::uint16_t kProgram = 0555;

Result<Fd> open_file(const policy::Mount& mount) {
  const std::string what = "show " + printable(mount.from.text());
  // Not waiting for a pipe's other end.
  Fd file = TRY(sys::open(mount.from.text(), O_RDONLY | O_NONBLOCK).context("copy into the sandbox"));
  struct stat about{};
  if (::fstat(file.get(), &about) != 0) return Error::last_system(what);
  if (mount.access != policy::Access::kReadOnly)
    return Error(Code::kUnsupported, what + ": this wall copies it, so nothing could be written to it here");
  if (!S_ISREG(about.st_mode))
    return Error(Code::kUnsupported,
                 what + ": this wall copies files, one by one, and this is none: give each with --in");
  return file;
}

Task<std::size_t> read_piece(FdRef file, std::span<std::byte> buffer) {
  const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
  if (count < 0) co_return Error::last_system("read a file that is copied into the sandbox");
  co_return static_cast<std::size_t>(count);
}

}  // namespace

Result<Copies> Copies::open(const std::vector<policy::Mount>& mounts) {
  Copies copies;
  for (const policy::Mount& mount : mounts) {
    Fd file = TRY(open_file(mount));
    struct stat about{};
    const bool is_program = ::fstat(file.get(), &about) == 0 && (about.st_mode & S_IXOTH) != 0;
    copies.files_.push_back({.contents = std::move(file), .to = mount.to, .is_program = is_program});
  }
  return copies;
}

Task<> Copies::write(guest::Session& session) const {
  for (const File& file : files_) {
    const FdRef from = file.contents.ref();
    auto written =
        co_await session.write_file(file.to, [from](std::span<std::byte> buffer) { return read_piece(from, buffer); },
                                    {.mode = file.is_program ? kProgram : kReadable, .creates_parents = true});
    if (!written) co_return std::move(written).error().context("copy into the sandbox as " + file.to.text());
  }
  co_return Result<>();
}

}  // namespace brig::service
