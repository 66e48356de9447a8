/// 611_sleep: sleeps in a child that has left the session and the process group, while the first process waits for it.
/// Expected: the wall-clock limit ends the whole sandbox.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

constexpr runtime::Cause kEnds[] = {runtime::Cause::kTimeout};
Finding run(const Args& args) {
  const auto pause_us = static_cast<useconds_t>(args.number("timeout_ms", 1000) * 3000);
  const pid_t child = ::fork();
  if (child == 0) {
    ::setsid();
    for (int signal = 1; signal < 32; ++signal) ::signal(signal, SIG_IGN);
    ::usleep(pause_us);
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  return breached("slept for three times its limit");
}

}  // namespace

constinit const Probe k611Sleep = {
    .name = "611_sleep",
    .group = Group::kResources,
    .attack = "stay beyond the time limit in a session of one's own",
    .cve = "",
    .refusal = "the wall-clock limit ends the whole sandbox",
    .run = run,
    .timeout = Milliseconds(1000),
    .held_if_ended_by = kEnds,
};

}  // namespace brig::attack::probes
