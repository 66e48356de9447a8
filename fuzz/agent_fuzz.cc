// Attacker: a host that is not ours, against the whole agent. Each input runs in a child that may start nothing and
// write nothing (no process limit left, no file size), so that a fuzzed Exec or Remove harms nobody; the child's end is
// judged. Coverage of the child is not fed back: this mutates the seeds blindly, which is why they visit every message.
// Held here: the agent ends with 0 (hung up) or 70 (broken peer), never by a signal.
#include <fcntl.h>
#include <sched.h>
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

/// A folder that has been removed: as a root it is empty, nothing can be made in it, and nothing is left of it, however
/// this program ends. Made once, before the first child.
int removed_folder() {
  static const int kFolder = [] {
    char name[] = "/tmp/brig-agent-fuzz-XXXXXX";
    if (::mkdtemp(name) == nullptr) return -1;
    const int fd = ::open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    ::rmdir(name);
    return fd;
  }();
  return kFolder;
}

/// A fuzzed Dial must not reach this machine's own services: all children share a network of their own, made once.
bool has_own_network() {
  static const bool kIsMade = ::unshare(CLONE_NEWNET) == 0;
  return kIsMade;
}

/// The removed folder for a root, as a user that owns nothing.
void renounce(int folder) {
  if (::geteuid() != 0) {
    std::fprintf(stderr, "agent_fuzz needs root: it shuts the agent up in an empty folder first\n");
    ::_exit(1);
  }
  if (::fchdir(folder) != 0 || ::chroot(".") != 0) ::_exit(1);
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
  const int folder = removed_folder();
  const bool is_alone = has_own_network();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(fds[0]);
    if (!is_alone && ::geteuid() == 0) ::_exit(1);
    renounce(folder);
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
