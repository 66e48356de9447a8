/// 315_kill_host_process: kills the canary process by its number, if a process of that name is there; whether it lives
/// is looked at outside. Expected: the pid namespace: there is no such process.
#include <cerrno>
#include <csignal>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  const auto pid = static_cast<pid_t>(args.number("canary", 0));
  if (pid <= 1) return held("no pid");
  return refused("kill", ::kill(pid, SIGKILL), {ESRCH});
}

}  // namespace

constinit const Probe k315KillHostProcess = {
    .name = "315_kill_host_process",
    .group = Group::kProcess,
    .attack = "kill a process of the host",
    .cve = "",
    .refusal = "the pid namespace: there is no such process",
    .run = run,
};

}  // namespace brig::attack::probes
