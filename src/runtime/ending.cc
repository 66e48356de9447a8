#include "runtime/ending.h"

#include <cerrno>

#include "base/text.h"

namespace brig::runtime {
namespace {

/// How long the last output may take while nothing comes, and how often that is granted.
constexpr Milliseconds kDrainGrace{100};
constexpr int kDrainRounds = 20;

}  // namespace

GuestWord word_of(const guest::ProcessEnd& end) {
  return {.is_signalled = end.is_signalled,
          .value = end.value,
          .cpu = std::chrono::duration_cast<Milliseconds>(end.cpu_user + end.cpu_system),
          .peak_memory = end.max_rss,
          .is_disk_full = end.is_disk_full};
}

std::optional<NotStarted> not_started(const Error& error, std::span<const std::string> argv) {
  const std::string name = "\"" + printable(argv.empty() ? "" : argv.front()) + "\"";
  switch (error.os_error()) {
    case EAGAIN:
      return NotStarted{.observed = {.act = HostAct::kNoProcessLeft},
                        .note = "the sandbox may have no further process"};
    case ENOENT:
      return NotStarted{.observed = {.word = GuestWord{.value = 127}},
                        .note = "no program " + name + " inside the sandbox (PATH=/usr/local/bin:/usr/bin:/bin)"};
    case EACCES:
    case ENOEXEC:
    case ENOTDIR:
      return NotStarted{.observed = {.word = GuestWord{.value = 126}},
                        .note = name + " cannot be executed inside the sandbox: " + error.message()};
    default: return std::nullopt;
  }
}

Task<bool> drain(std::shared_ptr<guest::Process> process, const std::uint64_t& seen) {
  for (int round = 0; round < kDrainRounds; ++round) {
    const std::uint64_t before = seen;
    CO_TRY(const bool is_all, co_await process->drain(kDrainGrace));
    if (is_all || seen == before) co_return is_all;
  }
  co_return false;
}

}  // namespace brig::runtime
