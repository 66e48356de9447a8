/// 303_clone_new_user: calls clone with CLONE_NEWUSER directly.
/// Expected: the filter looks at clone's flags.
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const long child = ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child == 0) ::_exit(0);
  Finding finding = refused("clone(CLONE_NEWUSER)", child);
  if (child > 0) ::waitpid(static_cast<pid_t>(child), nullptr, 0);
  return finding;
}

}  // namespace

constinit const Probe k303CloneNewUser = {
    .name = "303_clone_new_user",
    .group = Group::kProcess,
    .attack = "make a user namespace with clone",
    .cve = "",
    .refusal = "the filter looks at clone's flags",
    .run = run,
};

}  // namespace brig::attack::probes
