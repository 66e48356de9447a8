#include "attack/stage.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "attack/canary.h"
#include "attack/probe.h"
#include "base/fd.h"

namespace brig::attack {
namespace {

constexpr const char* kProgram = "/run/brig-probe";  // in the room
constexpr int kCannot = 125;

/// Ends the program: a room that is not complete is not entered.
[[noreturn]] void cannot(std::string_view step) {
  const int error = errno;
  (void)std::fprintf(stderr, "brig-probe: cannot make the room: %s: %s\n", std::string(step).c_str(),
                     strerrorname_np(error));
  ::_exit(kCannot);
}

void must(long result, std::string_view step) {
  if (result < 0) cannot(step);
}

void write_text(const std::string& path, std::string_view text) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  must(fd.get(), path);
  must(::write(fd.get(), text.data(), text.size()), path);
}

/// A file with its folders.
void place(const std::string& path, std::string_view text) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    if (::mkdir(path.substr(0, slash).c_str(), 0755) != 0 && errno != EEXIST) cannot(path);
  }
  write_text(path, text);
}

void become_root_in_user_namespace() {
  const std::string uid = std::to_string(::geteuid());
  const std::string gid = std::to_string(::getegid());
  must(::unshare(CLONE_NEWUSER), "user namespace");
  const auto map = [](const char* path, const std::string& text) {
    const Fd fd(::open(path, O_WRONLY | O_CLOEXEC));
    if (!fd.is_open() || ::write(fd.get(), text.data(), text.size()) < 0) cannot(path);
  };
  map("/proc/self/setgroups", "deny");
  map("/proc/self/uid_map", "0 " + uid + " 1");
  map("/proc/self/gid_map", "0 " + gid + " 1");
}

/// Every file system that keeps files becomes read-only in this mount namespace. What the kernel makes up (proc, sysfs,
/// cgroups, devices) stays as it is: probes open such files for writing, and write nothing.
void make_host_read_only() {
  constexpr std::array<std::string_view, 14> kMadeUp{"proc",       "sysfs",  "cgroup",    "cgroup2",    "devtmpfs",
                                                     "devpts",     "mqueue", "debugfs",   "tracefs",    "bpf",
                                                     "securityfs", "pstore", "hugetlbfs", "binfmt_misc"};
  std::ifstream table("/proc/self/mountinfo");
  std::vector<std::string> points;
  for (std::string line; std::getline(table, line);) {
    std::istringstream words(line);
    std::string id, parent, device, root, point;
    words >> id >> parent >> device >> root >> point;
    const std::size_t dash = line.find(" - ");
    if (dash == std::string::npos) cannot("mountinfo");
    const std::string type = line.substr(dash + 3, line.find(' ', dash + 3) - dash - 3);
    const bool is_made_up = std::ranges::find(kMadeUp, type) != kMadeUp.end() || point.starts_with("/sys/");
    if (!is_made_up) points.push_back(point);
  }
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  for (const std::string& point : points) {
    // A path of the table may be covered by another mount, or escaped: then it is not reachable by that name either.
    const long result = ::syscall(SYS_mount_setattr, AT_FDCWD, point.c_str(), 0U, &attributes, sizeof attributes);
    if (result != 0 && (point == "/" || (errno != ENOENT && errno != EINVAL && errno != EACCES)))
      cannot("read-only " + point);
  }
}

void cover_scratch() {
  for (const char* path : {"/tmp", "/run", "/home", "/root", "/var/tmp", "/dev/shm"}) {
    struct stat info{};
    if (::lstat(path, &info) != 0 || !S_ISDIR(info.st_mode)) continue;
    must(::mount("none", path, "tmpfs", 0, "size=512m,mode=1777"), path);
  }
  // For probes that ask whether /usr is writable. Where the kernel has no overlays it stays read-only.
  ::mkdir("/run/usr-upper", 0755);
  ::mkdir("/run/usr-work", 0755);
  (void)::mount("none", "/usr", "overlay", 0, "lowerdir=/usr,upperdir=/run/usr-upper,workdir=/run/usr-work");
}

void copy_program(const Fd& self) {
  struct stat info{};
  must(::fstat(self.get(), &info), "program");
  const Fd copy(::open(kProgram, O_WRONLY | O_CREAT | O_CLOEXEC, 0755));
  must(copy.get(), kProgram);
  must(::fchmod(copy.get(), 0755), kProgram);
  for (off_t left = info.st_size; left > 0;) {
    const ssize_t n = ::sendfile(copy.get(), self.get(), nullptr, static_cast<std::size_t>(left));
    if (n <= 0) cannot(kProgram);
    left -= n;
  }
}

[[noreturn]] void execute(const std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (const std::string& word : words)
    argv.push_back(const_cast<char*>(word.c_str()));  // execv's contract: not written to
  argv.push_back(nullptr);
  ::execv(kProgram, argv.data());
  cannot(kProgram);
}

int exit_code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

void add_address4(const Fd& control, const std::string& interface, const char* text) {
  ifreq request{};
  interface.copy(static_cast<char*>(request.ifr_name), IFNAMSIZ - 1);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  ::inet_pton(AF_INET, text, &address.sin_addr);
  std::memcpy(&request.ifr_addr, &address, sizeof address);
  must(::ioctl(control.get(), SIOCSIFADDR, &request), text);
}

void add_address6(const char* text) {
  struct {  // in6_ifreq of linux/ipv6.h, whose header conflicts with netinet/in.h
    in6_addr address;
    std::uint32_t prefix;
    int interface;
  } request{};
  ::inet_pton(AF_INET6, text, &request.address);
  request.prefix = 128;
  request.interface = static_cast<int>(::if_nametoindex("lo"));
  const Fd control(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (control.is_open()) (void)::ioctl(control.get(), SIOCSIFADDR, &request);  // a host may have no IPv6
}

/// lo up, and the addresses of the world on it.
void raise_network() {
  const Fd control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  must(control.get(), "socket");
  ifreq request{};
  std::string_view("lo").copy(static_cast<char*>(request.ifr_name), IFNAMSIZ - 1);
  request.ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK;
  must(::ioctl(control.get(), SIOCSIFFLAGS, &request), "lo up");
  add_address4(control, "lo:1", "169.254.169.254");
  add_address4(control, "lo:2", "203.0.113.7");
  add_address4(control, "lo:3", "203.0.113.53");
  add_address6("fd00:ec2::254");
  add_address6("2001:db8::7");
  constexpr unsigned long kAddBridge = 0x89a0;  // SIOCBRADDBR
  (void)::ioctl(control.get(), kAddBridge, "brigbr0");
}

void furnish(const Args& args, const std::string& secret) {
  const std::string folder = args.text("canary_dir");
  for (const std::string& path :
       {folder + "/secret", folder + "/.env", args.text("home_secret"), args.text("shm_secret"),
        args.text("vartmp_secret"), std::string("/root/.aws/credentials"), std::string("/home/alice/.ssh/id_ed25519"),
        std::string("/home/user/.profile"), std::string("/run/secrets/kubernetes.io/serviceaccount/token")}) {
    if (!path.empty()) place(path, secret);
  }
  place(args.text("input"), "input");
  constexpr long kJoinSession = 1;
  constexpr long kSessionKeyring = -3;
  ::syscall(SYS_keyctl, kJoinSession, nullptr);
  ::syscall(SYS_add_key, "user", "brig-canary", secret.data(), secret.size(), kSessionKeyring);
  raise_network();
}

/// Starts the room's canary and returns what it says about itself.
std::vector<std::string> start_canary(const std::string& folder) {
  std::array<int, 2> to{};
  std::array<int, 2> from{};
  must(::pipe2(to.data(), O_CLOEXEC), "pipe");
  must(::pipe2(from.data(), O_CLOEXEC), "pipe");
  const pid_t child = ::fork();
  must(child, "fork");
  if (child == 0) {
    ::dup2(to[0], STDIN_FILENO);
    ::dup2(from[1], STDOUT_FILENO);
    ::close(to[1]);
    ::_exit(serve_canary(folder, World::kRoom));
  }
  ::close(from[1]);
  std::string line;
  for (char byte = 0; byte != '\n';) {
    if (::read(from[0], &byte, 1) != 1) cannot("canary");
    line += byte;
  }
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

/// Probes in a room get what a careless runtime would leave them: a terminal, and descriptors of a folder and a file
/// outside.
void leave_things_open(const std::string& folder) {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master >= 0 && ::grantpt(master) == 0 && ::unlockpt(master) == 0) {
    const int terminal = ::open(::ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal >= 0) ::dup2(terminal, STDIN_FILENO);
    ::fcntl(master, F_SETFD, 0);
  }
  ::dup2(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), 60);
  ::dup2(::open((folder + "/secret").c_str(), O_RDONLY | O_CLOEXEC), 61);
}

}  // namespace

int enter_room(const std::vector<std::string>& words) {
  const Fd self(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  must(self.get(), "program");
  if (::geteuid() != 0) become_root_in_user_namespace();
  must(::unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS), "namespaces");
  must(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "private mounts");
  make_host_read_only();
  cover_scratch();
  copy_program(self);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  must(child, "fork");
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    // Inside a new pid namespace the parent shows as 0; if it died before the line above we have been given to init.
    if (::getpid() != 1 || parent <= 0) ::_exit(kCannot);
    must(::mount("none", "/proc", "proc", 0, nullptr), "/proc");
    must(::chdir("/tmp"), "/tmp");
    std::vector<std::string> inner = words;
    inner[0] = "@inner-room";
    inner.insert(inner.begin(), kProgram);
    execute(inner);
  }
  int status = 0;
  must(::waitpid(child, &status, 0), "wait");
  return exit_code_of(status);
}

int run_in_room(const std::vector<std::string>& words) {
  const Args args(words);
  const Probe* probe = find_probe(words.back());
  if (::getpid() != 1 || probe == nullptr) {
    (void)std::fprintf(stderr, "brig-probe: this is no room, or there is no probe %s\n", words.back().c_str());
    return kCannot;
  }
  const char* secret = ::getenv(kCanaryVariable);
  furnish(args, secret != nullptr ? secret : "");
  std::vector<std::string> given = start_canary(args.text("canary_dir"));
  given.push_back("supervisor=" + Args(given).text("canary"));
  int status = 0;
  for (int phase = 1; phase <= probe->phases; ++phase) {
    std::vector<std::string> run{kProgram, words.back(), "phase=" + std::to_string(phase)};
    run.insert(run.end(), given.begin(), given.end());
    for (const std::string& word : words) {
      if (phase == 1 || !word.starts_with("marker=")) run.push_back(word);
    }
    const pid_t child = ::fork();
    must(child, "fork");
    if (child == 0) {
      leave_things_open(args.text("canary_dir"));
      execute(run);
    }
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  }
  return exit_code_of(status);
}

}  // namespace brig::attack
