// Attacker: a host that is not ours, against the whole agent. Each input runs in a child that may start nothing and
// write nothing (no process limit left, no file size), so that a fuzzed Exec or Remove harms nobody; the child's end is
// judged. Coverage of the child is not fed back: this mutates the seeds blindly, which is why they visit every message.
// Held here: the agent ends with 0 (hung up) or 70 (broken peer), never by a signal.
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "agent/agent.h"

namespace {

/// An empty root that cannot be written, as a user that owns nothing.
void renounce() {
  static const char* const root = [] {
    static char name[] = "/tmp/brig-agent-fuzz-XXXXXX";
    return ::mkdtemp(name);
  }();
  if (::geteuid() != 0) {
    std::fprintf(stderr, "agent_fuzz needs root: it shuts the agent up in an empty folder first\n");
    ::_exit(1);
  }
  if (root == nullptr || ::chroot(root) != 0 || ::chdir("/") != 0) ::_exit(1);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_FSIZE, &none);
  ::setrlimit(RLIMIT_NPROC, &none);
  if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 150'000) return 0;
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) return 0;
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(fds[0]);
    renounce();
    brig::agent::serve(fds[1]);
  }
  ::close(fds[1]);
  (void)!::send(fds[0], data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(fds[0], SHUT_WR);
  int status = 0;
  if (pid < 0 || ::waitpid(pid, &status, 0) != pid) return 0;
  ::close(fds[0]);
  if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 70)) std::abort();
  return 0;
}
