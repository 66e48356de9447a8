#include "agent/spawn.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <iterator>

namespace brig::agent {
namespace {

constexpr std::string_view kDefaultPath = "/usr/local/bin:/usr/bin:/bin";
constexpr std::size_t kStackSize = 64 * 1024;

/// Everything the child needs, made before it exists: it shares our memory until it executes, so it must not allocate.
struct Child {
  char** argv = nullptr;
  char** env = nullptr;
  const char* cwd = nullptr;
  const char* candidates = nullptr;  ///< paths to try, each ended by NUL, the list by an empty one
  std::array<int, 4> descriptors{-1, -1, -1, -1};
  bool has_terminal = false;
  // What it reports, in the memory that we share:
  volatile int os_error = 0;
  const char* volatile step = "";
};

int give_up(Child& child, const char* step) {
  child.os_error = errno;
  child.step = step;
  ::_exit(127);
}

void close_from(unsigned first) {
  if (::syscall(SYS_close_range, first, ~0U, 0) == 0) return;
  for (unsigned fd = first; fd < 1024; ++fd) ::close(static_cast<int>(fd));  // a kernel or filter without close_range
}

void execute(Child& child) {
  int worst = ENOENT;
  for (const char* path = child.candidates; *path != '\0'; path += std::strlen(path) + 1) {
    ::execve(path, child.argv, child.env);
    // As execvp(3): a folder of PATH that does not have it, or may not be searched, does not end the search.
    if (errno == EACCES) {
      worst = EACCES;
    } else if (errno != ENOENT && errno != ENOTDIR) {
      return;
    }
  }
  errno = worst;
}

/// gVisor keeps the limit of processor time only in a process that has set it. On Linux this changes nothing.
bool renew_processor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_CPU, &limit) != 0) return false;
  return limit.rlim_cur == RLIM_INFINITY || ::setrlimit(RLIMIT_CPU, &limit) == 0;
}

/// The child: only system calls, no return.
int run_child(void* argument) {
  Child& child = *static_cast<Child*>(argument);
  ::setsid();
  // First out of the way of 0–3, then into place, so that no order of numbers overwrites one that is still needed.
  std::array<int, 4> moved{-1, -1, -1, -1};
  for (std::size_t i = 0; i < moved.size(); ++i) {
    if (child.descriptors[i] < 0) continue;
    moved[i] = ::fcntl(child.descriptors[i], F_DUPFD_CLOEXEC, 10);
    if (moved[i] < 0) return give_up(child, "descriptors");
  }
  unsigned first_other = 0;
  for (std::size_t i = 0; i < moved.size(); ++i) {
    if (moved[i] < 0) continue;
    if (::dup2(moved[i], static_cast<int>(i)) < 0) return give_up(child, "descriptors");
    first_other = static_cast<unsigned>(i) + 1;
  }
  close_from(first_other);
  if (child.has_terminal && ::ioctl(0, TIOCSCTTY, 0) != 0) return give_up(child, "controlling terminal");
  ::umask(022);
  if (::chdir(child.cwd) != 0) return give_up(child, "working folder");
  for (int number : kIgnoredSignals) ::signal(number, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (!renew_processor_limit()) return give_up(child, "limit of processor time");
  execute(child);
  return give_up(child, "program");
}

/// One allocation that holds argv, env, cwd and the candidate paths of a command.
class Arguments {
 public:
  explicit Arguments(const guest::Exec& request) {
    const std::string_view path = path_of(request.env);
    std::string_view program;
    request.argv.for_each([&, is_first = true](std::string_view text) mutable {
      if (is_first) program = text;
      is_first = false;
    });
    // Each encoded string has 4 bytes of length where we need 1 of NUL; each candidate is a folder of PATH, "/" and the
    // program.
    std::size_t folders = 1;
    for (char c : path) folders += c == ':' ? 1 : 0;
    const std::size_t pointers = (std::size_t{request.argv.size()} + request.env.size() + 2) * sizeof(char*);
    const std::size_t size = pointers + request.argv.encoded().size() + request.env.encoded().size() +
                             request.cwd.size() + 1 + path.size() + folders * (program.size() + 3) + program.size() + 2;
    block_ = static_cast<char*>(std::calloc(1, size));
    if (block_ == nullptr) return;
    argv_ = reinterpret_cast<char**>(block_);
    env_ = argv_ + request.argv.size() + 1;
    next_ = block_ + pointers;
    std::size_t i = 0;
    request.argv.for_each([&](std::string_view text) { argv_[i++] = add(text); });
    i = 0;
    request.env.for_each([&](std::string_view text) { env_[i++] = add(text); });
    cwd_ = add(request.cwd);
    candidates_ = next_;
    add_candidates(program, path);
  }
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;
  ~Arguments() { std::free(block_); }

  [[nodiscard]] bool is_complete() const { return block_ != nullptr; }
  void fill(Child& child) const {
    child.argv = argv_;
    child.env = env_;
    child.cwd = cwd_;
    child.candidates = candidates_;
  }

 private:
  static std::string_view path_of(const guest::StringList& env) {
    std::string_view path = kDefaultPath;
    env.for_each([&](std::string_view text) {
      if (text.starts_with("PATH=")) path = text.substr(5);
    });
    return path;
  }
  void put(std::string_view text) {
    if (!text.empty()) std::memcpy(next_, text.data(), text.size());
    next_ += text.size();
  }
  char* add(std::string_view text) {
    char* start = next_;
    put(text);
    *next_++ = '\0';
    return start;
  }
  void add_candidates(std::string_view program, std::string_view path) {
    if (program.empty()) return;
    if (program.contains('/')) {
      add(program);
      return;
    }
    for (std::size_t start = 0; start <= path.size();) {
      const std::size_t colon = path.find(':', start);
      const std::size_t end = colon == std::string_view::npos ? path.size() : colon;
      const std::string_view folder = path.substr(start, end - start);
      put(folder.empty() ? "." : folder);
      put("/");
      add(program);
      start = end + 1;
    }
  }

  char* block_ = nullptr;
  char* next_ = nullptr;
  char** argv_ = nullptr;
  char** env_ = nullptr;
  char* cwd_ = nullptr;
  char* candidates_ = nullptr;
};

void close_if_open(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

struct Pair {
  int ours;
  int theirs;
};

bool make_pipe(bool they_read, Pair& pair) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return false;
  pair = they_read ? Pair{fds[1], fds[0]} : Pair{fds[0], fds[1]};
  return ::fcntl(pair.ours, F_SETFL, O_NONBLOCK) == 0;
}

/// The other end by its name, where the kernel does not hand it out (gVisor): /dev/pts is the sandbox's own.
int open_by_number(int terminal) {
  unsigned number = 0;
  if (::syscall(SYS_ioctl, terminal, TIOCGPTN, &number) != 0) return -1;
  char path[32] = "/dev/pts/";
  char* end = path + 9;
  char digits[10];
  int count = 0;
  do digits[count++] = static_cast<char>('0' + number % 10);
  while ((number /= 10) != 0);
  while (count > 0) *end++ = digits[--count];
  *end = '\0';
  return ::open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

/// Opens a terminal: `ours` is the master, `theirs` the other end.
bool make_terminal(const guest::Exec& request, Pair& pair) {
  pair.ours = ::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (pair.ours < 0) return false;
  int is_locked = 0;
  if (::ioctl(pair.ours, TIOCSPTLCK, &is_locked) != 0) return false;
  pair.theirs = ::ioctl(pair.ours, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (pair.theirs < 0 && errno == ENOTTY) pair.theirs = open_by_number(pair.ours);
  if (pair.theirs < 0) return false;
  set_size(pair.ours, request.rows, request.columns);
  return true;
}

/// Packets, so that a request is taken whole or not at all; whoever takes it need not be whoever had the last one.
bool make_sockets(Pair& pair) {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) return false;
  pair = {fds[0], fds[1]};
  return ::fcntl(pair.ours, F_SETFL, O_NONBLOCK) == 0;
}

/// Opens what the flags ask for. On failure the caller closes what there is.
const char* connect(const guest::Exec& request, Pipes& ours, std::array<int, 4>& theirs) {
  Pair pair{-1, -1};
  if ((request.flags & guest::Exec::kTerminal) != 0) {
    const bool is_made = make_terminal(request, pair);
    ours.in = ours.out = pair.ours;
    theirs[0] = theirs[1] = theirs[2] = pair.theirs;
    if (!is_made) return "terminal";
  } else {
    if ((request.flags & guest::Exec::kHasStdin) != 0) {
      const bool is_made = make_pipe(true, pair);
      ours.in = pair.ours;
      theirs[0] = pair.theirs;
      if (!is_made) return "pipe";
    } else {
      theirs[0] = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
      if (theirs[0] < 0) return "/dev/null";
    }
    for (int i : {1, 2}) {
      pair = {-1, -1};
      const bool is_made = make_pipe(false, pair);
      (i == 1 ? ours.out : ours.err) = pair.ours;
      theirs[static_cast<std::size_t>(i)] = pair.theirs;
      if (!is_made) return "pipe";
    }
  }
  if ((request.flags & (guest::Exec::kResults | guest::Exec::kForks)) != 0) {
    pair = {-1, -1};
    const bool is_made = (request.flags & guest::Exec::kForks) != 0 ? make_sockets(pair) : make_pipe(false, pair);
    ours.results = pair.ours;
    theirs[3] = pair.theirs;
    if (!is_made) return "pipe";
  }
  return nullptr;
}

void close_all(Pipes& pipes) {
  if (pipes.in == pipes.out) pipes.in = -1;
  close_if_open(pipes.in);
  close_if_open(pipes.out);
  close_if_open(pipes.err);
  close_if_open(pipes.results);
}

void close_all(std::array<int, 4>& fds) {
  if (fds[1] == fds[0]) fds[1] = fds[2] = -1;  // one terminal three times
  for (int& fd : fds) close_if_open(fd);
}

/// One packet with all of `fds`; an errno.
int send_request(const guest::Exec& request, int zygote, const std::array<int, 5>& fds) {
  std::array<std::uint8_t, 8> sizes;
  const std::array<std::uint32_t, 2> numbers{static_cast<std::uint32_t>(request.cwd.size()), request.env.size()};
  for (std::size_t i = 0; i < sizes.size(); ++i) sizes[i] = static_cast<std::uint8_t>(numbers[i / 4] >> (i % 4 * 8));
  const std::span<const std::byte> variables = request.env.encoded();
  // sendmsg() writes to none of them.
  std::array<iovec, 3> parts{iovec{.iov_base = sizes.data(), .iov_len = sizes.size()},
                             iovec{.iov_base = const_cast<char*>(request.cwd.data()), .iov_len = request.cwd.size()},
                             iovec{.iov_base = const_cast<std::byte*>(variables.data()), .iov_len = variables.size()}};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof fds)> control{};
  msghdr message{};
  message.msg_iov = parts.data();
  // The types of these differ between C libraries.
  message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(parts.size());
  message.msg_control = control.data();
  message.msg_controllen = static_cast<decltype(message.msg_controllen)>(control.size());
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = static_cast<decltype(header->cmsg_len)>(CMSG_LEN(sizeof fds));
  std::memcpy(CMSG_DATA(header), fds.data(), sizeof fds);
  return ::sendmsg(zygote, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}

}  // namespace

void set_size(int terminal, std::uint16_t rows, std::uint16_t columns) {
  winsize size{};
  size.ws_row = rows;
  size.ws_col = columns;
  (void)::ioctl(terminal, TIOCSWINSZ, &size);  // a terminal whose program is gone has no size to set
}

Spawned spawn(const guest::Exec& request) {
  Spawned spawned;
  Child child;
  constexpr unsigned kOthers = guest::Exec::kTerminal | guest::Exec::kResults;
  if ((request.flags & guest::Exec::kForks) != 0 && (request.flags & kOthers) != 0) {
    spawned.os_error = EINVAL;
    spawned.step = "descriptors";
    return spawned;
  }
  child.has_terminal = (request.flags & guest::Exec::kTerminal) != 0;
  const Arguments arguments(request);
  if (!arguments.is_complete()) {
    spawned.os_error = ENOMEM;
    spawned.step = "memory";
    return spawned;
  }
  arguments.fill(child);
  const char* failed = connect(request, spawned.pipes, child.descriptors);
  if (failed != nullptr) {
    spawned.os_error = errno;
    spawned.step = failed;
  } else {
    // The kernel suspends us until the child has executed or ended (CLONE_VFORK), so one stack serves all. clone(2),
    // not clone3: its flags can be judged by a seccomp filter.
    alignas(16) static std::array<char, kStackSize> stack;
    spawned.pid = ::clone(run_child, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | SIGCHLD, &child);
    if (spawned.pid < 0) {
      spawned.os_error = errno;
      spawned.step = "fork";
    } else if (child.os_error != 0) {
      spawned.os_error = child.os_error;
      spawned.step = child.step;
      (void)::waitpid(spawned.pid, nullptr, 0);
      spawned.pid = -1;
    }
  }
  close_all(child.descriptors);
  if (spawned.pid < 0) close_all(spawned.pipes);
  return spawned;
}

Forking ask_to_fork(const guest::Exec& request, int zygote) {
  Forking forking;
  std::array<int, 4> theirs{-1, -1, -1, -1};
  Pair born{-1, -1};
  if ((request.flags & (guest::Exec::kTerminal | guest::Exec::kForks)) != 0 || zygote < 0 ||
      (request.flags & guest::Exec::kResults) == 0) {
    forking.os_error = zygote < 0 ? ESRCH : EINVAL;
    forking.step = "fork";
    return forking;
  }
  forking.step = connect(request, forking.pipes, theirs);
  if (forking.step == nullptr && !make_pipe(false, born)) forking.step = "pipe";
  forking.born = born.ours;
  if (forking.step != nullptr) {
    forking.os_error = errno;
  } else {
    forking.step = "fork";
    forking.os_error = send_request(request, zygote, {theirs[0], theirs[1], theirs[2], theirs[3], born.theirs});
  }
  close_all(theirs);
  close_if_open(born.theirs);
  if (forking.os_error != 0) {
    close_all(forking.pipes);
    close_if_open(forking.born);
  }
  return forking;
}

}  // namespace brig::agent
