/// 601_fork_bomb: forks children that wait, until far more than the limit are there; they die with it.
/// Expected: the pids limit.
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

constexpr runtime::Cause kEnds[] = {runtime::Cause::kPidsLimit};
Finding run(const Args& args) {
  const long enough = args.number("pids", 32) * 4;
  std::vector<pid_t> children;
  while (static_cast<long>(children.size()) < enough) {
    const pid_t child = ::fork();
    if (child < 0) break;
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (;;) ::pause();
    }
    children.push_back(child);
  }
  const std::string error = error_name(errno);
  for (pid_t child : children) ::kill(child, SIGKILL);
  for (pid_t child : children) ::waitpid(child, nullptr, 0);
  const std::string count = std::to_string(children.size()) + " processes";
  return static_cast<long>(children.size()) >= enough ? breached(count) : held(count + ", then " + error);
}

}  // namespace

constinit const Probe k601ForkBomb = {
    .name = "601_fork_bomb",
    .group = Group::kResources,
    .attack = "make processes without end",
    .cve = "",
    .refusal = "the pids limit",
    .run = run,
    .held_if_ended_by = kEnds,
};

}  // namespace brig::attack::probes
