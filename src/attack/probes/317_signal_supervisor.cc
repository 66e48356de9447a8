/// 317_signal_supervisor: sends signals that end or stop a process, and looks whether the supervisor is still there.
/// Expected: pid 1 of a namespace takes no signal from inside.
#include <unistd.h>

#include <csignal>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  const auto pid = static_cast<pid_t>(args.number("supervisor", 1));
  for (int signal : {SIGTERM, SIGINT, SIGSTOP, SIGABRT, SIGSEGV, SIGKILL}) ::kill(pid, signal);
  for (int tries = 0; tries < 20; ++tries) {
    const auto status = read_some("/proc/" + std::to_string(pid) + "/status");
    if (!status.has_value())
      return ::kill(pid, 0) == 0 || errno == EPERM ? held("it lives") : breached("the supervisor is gone");
    if (status->find("State:\tT") != std::string::npos) return breached("the supervisor is stopped");
    if (status->find("State:\tZ") != std::string::npos) return breached("the supervisor is dead");
    ::usleep(5000);
  }
  return held("it lives");
}

}  // namespace

constinit const Probe k317SignalSupervisor = {
    .name = "317_signal_supervisor",
    .group = Group::kProcess,
    .attack = "end or stop the sandbox's supervisor by a signal",
    .cve = "",
    .refusal = "pid 1 of a namespace takes no signal from inside",
    .run = run,
    .own_kernel = "its own kernel lets pid 1 be killed from inside, which ends this sandbox and nothing else",
};

}  // namespace brig::attack::probes
