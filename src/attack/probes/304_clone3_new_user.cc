/// 304_clone3_new_user: calls clone3 with CLONE_NEWUSER in a structure behind a pointer.
/// Expected: clone3 answers ENOSYS.
#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  clone_args request{};
  request.flags = CLONE_NEWUSER;
  request.exit_signal = SIGCHLD;
  const long child = ::syscall(SYS_clone3, &request, sizeof request);
  if (child == 0) ::_exit(0);
  Finding finding = refused("clone3(CLONE_NEWUSER)", child);
  if (child > 0) ::waitpid(static_cast<pid_t>(child), nullptr, 0);
  return finding;
}

}  // namespace

constinit const Probe k304Clone3NewUser = {
    .name = "304_clone3_new_user",
    .group = Group::kProcess,
    .attack = "make a user namespace with clone3, whose flags a filter cannot see",
    .cve = "",
    .refusal = "clone3 answers ENOSYS",
    .run = run,
};

}  // namespace brig::attack::probes
