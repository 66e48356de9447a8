#include "runtimes/oci/release.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include "base/units.h"
#include "sys/file.h"
#include "sys/process.h"

namespace brig::runtimes::oci {
namespace {

constexpr std::size_t kDateSize = 8;
constexpr std::size_t kAnswerMax = 4096;
constexpr std::chrono::seconds kPatience{2};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Until its end, a full buffer, or the end of our patience.
std::string read_answer(FdRef from) {
  std::string text;
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (text.size() < kAnswerMax) {
    const auto left = std::chrono::duration_cast<Milliseconds>(end - std::chrono::steady_clock::now()).count();
    pollfd event{from.get(), POLLIN, 0};
    if (left <= 0 || ::poll(&event, 1, static_cast<int>(left)) <= 0) break;
    std::array<char, 512> buffer;
    const ssize_t count = ::read(from.get(), buffer.data(), buffer.size());
    if (count <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return text;
}

Result<std::string> version_of(const Program& program) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) return Error::last_system("make a pipe");
  const Fd ours(ends[0]);
  Fd theirs(ends[1]);
  const Fd null = TRY(sys::open("/dev/null", O_RDWR));
  const std::array<std::string, 1> arguments{"--version"};
  const std::array<sys::Inherited, 3> fds{{{null.ref(), 0}, {theirs.ref(), 1}, {null.ref(), 2}}};
  const sys::Child child = TRY(sys::spawn(program.path, arguments, {}, fds));  // ended when it is dropped
  theirs.reset();
  return read_answer(ours.ref());
}

}  // namespace

std::optional<int> release_in(std::string_view version) {
  while (!version.empty()) {
    const auto first = std::ranges::find_if(version, is_digit);
    const auto end = std::find_if_not(first, version.end(), is_digit);
    const std::string_view number(first, end);
    version.remove_prefix(static_cast<std::size_t>(end - version.begin()));
    int date = 0;
    if (number.size() != kDateSize || !number.starts_with("20")) continue;
    std::from_chars(number.data(), number.data() + number.size(), date);
    return date;
  }
  return std::nullopt;
}

std::string breaks_in(std::optional<int> release) {
  if (!release || *release >= kKnowsStatxFlags) return {};
  return "gVisor of " + std::to_string(*release) +
         " refuses statx() as coreutils' ls and stat call it (EINVAL): they fail; releases since " +
         std::to_string(kKnowsStatxFlags) + " know the flag";
}

std::optional<int> release_of(const Program& program) {
  const auto version = version_of(program);
  return version ? release_in(*version) : std::nullopt;
}

}  // namespace brig::runtimes::oci
