/// 324_steal_descriptor: copies descriptors of the supervisor with pidfd_getfd and reads what they hold.
/// Expected: the filter refuses pidfd_getfd, and pid 1 is not dumpable.
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"
#include "base/fd.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, args.number("supervisor", 1), 0)));
  if (!process.is_open()) return held("pidfd_open: " + error_name(errno));
  std::vector<Finding> findings;
  for (int number = 0; number < 80; ++number) {
    const Fd taken(static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), number, 0)));
    Finding finding = refused("pidfd_getfd " + std::to_string(number), taken.get(), {EBADF});
    std::array<char, 128> text{};
    const ssize_t n = taken.is_open() ? ::pread(taken.get(), text.data(), text.size(), 0) : -1;
    if (n > 0) finding.seen += ": " + std::string(text.data(), static_cast<std::size_t>(n));
    if (finding.outcome == Outcome::kBreached || findings.empty()) findings.push_back(finding);
  }
  return worst(findings);
}

}  // namespace

constinit const Probe k324StealDescriptor = {
    .name = "324_steal_descriptor",
    .group = Group::kProcess,
    .attack = "take an open descriptor out of the supervisor",
    .cve = "",
    .refusal = "the filter refuses pidfd_getfd, and pid 1 is not dumpable",
    .run = run,
};

}  // namespace brig::attack::probes
