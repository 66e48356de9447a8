#include "agent/alone.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <span>

#include "agent/agent.h"
#include "agent/files.h"
#include "base/number.h"

namespace brig::agent {
namespace {

constexpr int kUsage = 64;    // EX_USAGE of sysexits.h
constexpr int kOsError = 71;  // EX_OSERR
constexpr int kChannel = 3;

void say(std::string_view text) { (void)!::write(STDERR_FILENO, text.data(), text.size()); }

[[noreturn]] void die(std::string_view step) {
  const int error = errno;
  say("brig-init: ");
  say(step);
  say(": ");
  say(std::strerror(error));
  say("\n");
  ::_exit(kOsError);
}

struct Limits {
  std::uint64_t processes = 0;
  std::uint64_t files = 0;
  std::uint64_t memory = 0;
  std::uint64_t file_size = 0;
  std::uint64_t cpu_seconds = 0;
};

Limits read_limits(std::span<const char* const> words) {
  Limits limits;
  const std::array places{&limits.processes, &limits.files, &limits.memory, &limits.file_size, &limits.cpu_seconds};
  bool is_sane = words.size() == places.size();
  for (std::size_t i = 0; is_sane && i < places.size(); ++i) {
    const auto number = whole_number<std::uint64_t>(words[i]);
    is_sane = number.has_value();
    if (is_sane) *places[i] = *number;
  }
  if (is_sane) return limits;
  say("usage: brig-init alone PROCESSES FILES MEMORY FILE-SIZE CPU-SECONDS\n");
  ::_exit(kUsage);
}

void make_folder(const char* path) {
  struct stat about{};
  if (::mkdir(path, 0755) != 0 && errno != EEXIST) die(path);
  if (::lstat(path, &about) != 0) die(path);
  if (!S_ISDIR(about.st_mode)) {
    errno = ENOTDIR;
    die(path);
  }
  if (::lchown(path, kAloneUser, kAloneUser) != 0) die(path);
}

/// What every sandbox has, and the user that everything in it is.
void become_user() {
  if (::geteuid() != 0) {
    if (::access(kAloneFolder, W_OK) != 0) die("/workspace, which only root can make");
    return;
  }
  make_folder(kAloneFolder);
  if (::mkdir("/home", 0755) != 0 && errno != EEXIST) die("/home");
  make_folder(kAloneHome);
  for (unsigned long capability = 0; capability < 64; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    if (errno == EINVAL) break;  // past the last one this kernel knows
    die("drop capabilities");
  }
  if (::setgroups(0, nullptr) != 0 || ::setresgid(kAloneUser, kAloneUser, kAloneUser) != 0 ||
      ::setresuid(kAloneUser, kAloneUser, kAloneUser) != 0)
    die("become the sandbox's user");
}

void set_limit(int resource, std::uint64_t value, std::string_view name) {
  const rlimit limit{.rlim_cur = value, .rlim_max = value};
  // A bare call: the type of the first parameter is not the same in every C library.
  if (::syscall(SYS_prlimit64, 0, resource, &limit, nullptr) != 0) die(name);
}

void give_up(const Limits& limits) {
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) die("drop capabilities");
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const __user_cap_data_struct none[2] = {};
  if (::syscall(SYS_capset, &header, none) != 0) die("drop capabilities");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) die("forbid new privileges");
  set_limit(RLIMIT_CORE, 0, "the limit of core files");
  set_limit(RLIMIT_NOFILE, limits.files, "the limit of open files");
  set_limit(RLIMIT_FSIZE, limits.file_size, "the limit of a file's size");
  set_limit(RLIMIT_DATA, limits.memory, "the limit of memory");
  if (limits.cpu_seconds > 0) set_limit(RLIMIT_CPU, limits.cpu_seconds, "the limit of processor time");
  set_limit(RLIMIT_NPROC, limits.processes + 2, "the limit of processes");  // and the two of ours
}

/// One direction of the pump: what has been read and not yet written.
struct Direction {
  int from;
  int to;
  bool has_ended = false;  ///< nothing more will be read
  bool is_broken = false;  ///< nothing can be written any more
  std::size_t begin = 0;
  std::size_t end = 0;
  std::array<char, 64 * 1024> bytes;

  [[nodiscard]] bool is_empty() const { return begin == end; }
  [[nodiscard]] bool is_over() const { return (has_ended && is_empty()) || is_broken; }
};

Direction g_in;
Direction g_out;

void read_some(Direction& way) {
  const ssize_t count = ::read(way.from, way.bytes.data(), way.bytes.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  way.begin = 0;
  way.end = count > 0 ? static_cast<std::size_t>(count) : 0;
  way.has_ended = count <= 0;
}

void write_some(Direction& way) {
  const ssize_t count = ::write(way.to, way.bytes.data() + way.begin, way.end - way.begin);
  if (count >= 0) way.begin += static_cast<std::size_t>(count);
  else if (errno != EAGAIN && errno != EINTR) way.is_broken = true;
}

/// What this direction waits for now, and its acting on it.
pollfd wanted(const Direction& way) {
  if (way.is_over()) return {.fd = -1, .events = 0, .revents = 0};
  if (!way.is_empty()) return {.fd = way.to, .events = POLLOUT, .revents = 0};
  return {.fd = way.from, .events = POLLIN, .revents = 0};
}
void act(Direction& way, const pollfd& event) {
  if (event.fd < 0 || event.revents == 0) return;
  if (way.is_empty()) read_some(way);
  else write_some(way);
}

/// Until the agent has ended and all that it said is written, or nobody takes it.
void pump(int socket) {
  g_in.from = STDIN_FILENO;
  g_in.to = g_out.from = socket;
  g_out.to = STDOUT_FILENO;
  bool has_told_end = false;
  while (!g_out.is_over()) {
    if (g_in.is_over() && !has_told_end) {
      has_told_end = true;
      (void)::shutdown(socket, SHUT_WR);  // the agent ends everything and itself
    }
    std::array<pollfd, 2> events{wanted(g_in), wanted(g_out)};
    if (::poll(events.data(), events.size(), -1) < 0) continue;
    act(g_in, events[0]);
    act(g_out, events[1]);
  }
}

[[noreturn]] void be_agent(int socket, pid_t parent) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || ::getppid() != parent) ::_exit(kOsError);
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) ::_exit(kOsError);  // it reaps what its commands leave
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) ::_exit(kOsError);
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::dup2(null, fd) < 0) ::_exit(kOsError);
  }
  if (socket != kChannel && ::dup3(socket, kChannel, O_CLOEXEC) < 0) ::_exit(kOsError);
  ::syscall(SYS_close_range, static_cast<unsigned>(kChannel + 1), ~0U, 0U);
  be_on_one_device();
  serve(kChannel);
}

void greet() {
  utsname kernel{};
  if (::uname(&kernel) != 0) die("the kernel's name");
  std::array<char, 256> line{};
  std::size_t length = 0;
  for (std::string_view part : {kAloneGreeting, std::string_view(kernel.sysname), std::string_view(" "),
                                std::string_view(kernel.release), std::string_view("\n")}) {
    std::memcpy(line.data() + length, part.data(), part.size());  // at most 13 + 65 + 1 + 65 + 1
    length += part.size();
  }
  if (::write(STDOUT_FILENO, line.data(), length) != static_cast<ssize_t>(length)) ::_exit(kOsError);
}

}  // namespace

void serve_alone(int count, const char* const* words) {
  const Limits limits = read_limits({words, static_cast<std::size_t>(count)});
  // Programs inside are the same user.
  ::signal(SIGPIPE, SIG_IGN);
  ::umask(022);
  become_user();
  give_up(limits);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (::chdir("/") != 0) die("/");
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) die("a socket");
  const pid_t self = ::getpid();
  const pid_t agent = ::fork();
  if (agent < 0) die("a process");
  if (agent == 0) be_agent(sockets[1], self);
  ::close(sockets[1]);
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, sockets[0]}) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) die("the channel");
  }
  greet();
  pump(sockets[0]);
  ::close(sockets[0]);
  int status = 0;
  while (::waitpid(agent, &status, 0) < 0 && errno == EINTR) {
  }
  ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

}  // namespace brig::agent
