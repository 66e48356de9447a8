/// 316_kill_everything: calls kill(-1). Refuses to run in the first pid namespace of a machine: the control runs in one
/// of its own. Whether the canary outside lives is looked at outside; inside the control's room it is looked at by its
/// number. Expected: the pid namespace: only the sandbox's own are reached.
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  if (is_initial_pid_namespace()) return held("not tried: this is the machine's first pid namespace");
  const auto canary = static_cast<pid_t>(args.number("canary", 0));
  const bool was_seen =
      canary > 1 && read_some("/proc/" + std::to_string(canary) + "/comm").value_or("").starts_with("brig-canary");
  const int result = ::kill(-1, SIGKILL);
  if (!was_seen) return held(result == 0 ? "only its own were killed" : "kill(-1): " + error_name(errno));
  return result == 0 ? breached("the canary was killed") : held("kill(-1): " + error_name(errno));
}

}  // namespace

constinit const Probe k316KillEverything = {
    .name = "316_kill_everything",
    .group = Group::kProcess,
    .attack = "kill every process there is",
    .cve = "",
    .refusal = "the pid namespace: only the sandbox's own are reached",
    .run = run,
};

}  // namespace brig::attack::probes
