#include "image/make/pack.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "image/digest.h"
#include "image/make/step.h"
#include "sys/file.h"
#include "sys/process.h"

namespace brig::image {

namespace {

constexpr std::size_t kBlock = 512;

/// A number of a header: octal, or in GNU's binary form if its first bit is set.
Result<std::uint64_t> number_of(std::string_view field) {
  std::uint64_t value = 0;
  const bool is_binary = (static_cast<unsigned char>(field.front()) & 0x80U) != 0;
  for (std::size_t i = is_binary ? 1 : 0; i < field.size(); ++i) {
    const auto byte = static_cast<unsigned char>(field[i]);
    if (!is_binary && (byte == ' ' || byte == 0)) break;
    if (!is_binary && (byte < '0' || byte > '7')) return Error(Code::kInternal, "tar wrote a header that is none");
    value = is_binary ? value << 8U | byte : value << 3U | (byte - '0');
  }
  if (value > std::uint64_t{1} << 50U) return Error(Code::kInternal, "tar wrote a header that is none");
  return value;
}

Result<> read_exactly(FdRef file, std::span<char> to) {
  while (!to.empty()) {
    const ssize_t count = ::read(file.get(), to.data(), to.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::last_system("read what was packed");
    if (count == 0) return Error(Code::kInternal, "what was packed ends too early");
    to = to.subspan(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace

Result<std::string> digest_without_times(const std::string& tar) {
  constexpr std::size_t kTime = 136;  // of the header: 12 bytes, and behind it 8 of the header's checksum
  constexpr std::size_t kTimeAndSum = 20;
  const Fd file = TRY(sys::open(tar, O_RDONLY | O_NOFOLLOW));
  Sha256 hash;
  std::array<char, kBlock> header{};
  std::vector<char> piece(std::size_t{1} << 20);
  while (true) {
    TRY(read_exactly(file.ref(), header));
    if (std::ranges::all_of(header, [](char c) { return c == 0; })) return hash.finish();
    std::fill_n(header.begin() + kTime, kTimeAndSum, '\0');
    hash.update({header.data(), header.size()});
    std::uint64_t left = TRY(number_of(std::string_view(header.data() + 124, 12)));
    for (left = (left + kBlock - 1) / kBlock * kBlock; left > 0;) {
      const std::span<char> part(piece.data(), static_cast<std::size_t>(std::min<std::uint64_t>(left, piece.size())));
      TRY(read_exactly(file.ref(), part));
      hash.update({part.data(), part.size()});
      left -= part.size();
    }
  }
}

Result<std::string> pack(const HostPath& folder, const std::string& build, const std::string& name,
                         const PackChoice& choice) {
  const std::string file = build + "/" + name + ".tar";
  const Fd null = TRY(sys::open("/dev/null", O_RDWR));
  const Fd log = TRY(sys::open(build + "/" + name + ".log", O_RDWR | O_CREAT | O_EXCL, 0600));
  std::vector<std::string> arguments{"--create",     "--file=" + file, "--directory=" + folder.text(),
                                     "--format=gnu", "--sort=name",    "--one-file-system",
                                     "--owner=0",    "--group=0",      "--numeric-owner",
                                     "--anchored",   "--no-wildcards", "--warning=no-file-ignored"};
  for (const std::string& path : choice.without) arguments.push_back("--exclude=./" + path);
  arguments.emplace_back("--");
  for (const std::string& member : choice.members) arguments.push_back(member == "." ? member : "./" + member);
  const std::vector<std::string> environment{"PATH=/usr/bin:/bin", "LC_ALL=C"};
  const std::vector<sys::Inherited> fds{{null.ref(), 0}, {null.ref(), 1}, {log.ref(), 2}};
  auto child = TRY(sys::spawn("/usr/bin/tar", arguments, environment, fds).context("pack " + printable(folder.text())));
  while (true) {
    pollfd ended{.fd = child.pidfd().get(), .events = POLLIN};
    const int count = ::poll(&ended, 1, kDiskLookEvery);
    if (count < 0 && errno != EINTR) return Error::last_system("wait for tar");
    TRY(expect_room(build));  // also of a tar that found the disk full between two looks; dropped, it is killed
    if (count > 0) break;
  }
  const sys::ProcessEnd end = TRY(child.wait());
  if (end.is_signal || end.value != 0) {
    const std::string said = sys::read_file(build + "/" + name + ".log", std::size_t{1} << 20).value_or("");
    return Error(Code::kInvalidArgument,
                 "the folder could not be read: " + printable(said.substr(0, said.find('\n')), 400));
  }
  if (::chmod(file.c_str(), 0644) != 0) return Error::last_system("open " + file + " to the worker");
  return file;
}

}  // namespace brig::image
