#include "runtimes/process/compile.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <set>

#include "sys/abi.h"

namespace brig::runtimes::process {
namespace {

/// Builds a plan step by step; the functions below are its chapters, in order.
class PlanBuilder {
 public:
  PlanBuilder(const LaunchRequest& request, const HostReport& host, const std::vector<MountIdentity>& identities)
      : request_(request), host_(host), identities_(identities) {}

  Result<JailPlan> build() {
    join_groups();
    take_identity();
    add(NewRoot{.bytes = kibibytes(512).count, .inodes = 512});
    make_folders();
    make_etc();
    bind_system();
    make_devices();
    make_scratch();
    make_proc();
    TRY(add_mounts());
    add(PivotRoot{});
    add(SealRoot{});
    add(SetHostname{.name = "brig"});
    add(RaiseLoopback{});
    add(NewSession{});
    set_limits();
    add(DropCapabilities{});
    add(ForbidNewPrivileges{});
    restrict_files();
    add(HideProcess{});
    add(InstallSeccomp{.program = seccomp_program().bytes});
    TRY(check_order(plan_));
    return std::move(plan_);
  }

 private:
  template <class S>
  void add(S step) {
    plan_.steps.emplace_back(std::move(step));
  }
  /// Makes a folder once.
  void folder(const std::string& path, std::uint32_t mode = 0755) {
    if (made_.insert(path).second) add(MakeFolder{.path = path, .mode = mode});
  }
  void folder_with_parents(const std::string& path) {
    for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      folder(path.substr(0, slash));
    }
    folder(path);
  }
  void empty_file(const std::string& path) {
    if (made_.insert(path).second) add(WriteFile{.path = path, .text = ""});
  }

  void join_groups();
  void take_identity();
  void make_folders();
  void make_etc();
  void bind_system();
  void make_devices();
  void make_scratch();
  void make_proc();
  Result<> add_mounts();
  void set_limits();
  void restrict_files();

  const LaunchRequest& request_;
  const HostReport& host_;
  const std::vector<MountIdentity>& identities_;
  JailPlan plan_;
  std::set<std::string> made_;
  std::uint32_t slots_ = 0;
};

void PlanBuilder::join_groups() {
  if (!host_.cgroups.has_all()) return;
  if (host_.cgroups.version != sys::CgroupVersion::kV2) {
    const std::set<std::string> groups{host_.cgroups.memory, host_.cgroups.pids, host_.cgroups.cpu};
    for (std::size_t i = 0; i < groups.size(); ++i) add(JoinCgroup{.slot = slots_++});
  }
}

void PlanBuilder::take_identity() {
  add(EnterCgroupNamespace{});
  add(SetIdentity{.uid = kInsideUid, .gid = kInsideGid});
  add(DieWithParent{});
  add(MakeMountsPrivate{});
}

void PlanBuilder::make_folders() {
  for (const char* name : {"dev", "etc", "home", "home/user", "proc", "run", "sys", "tmp", "usr", "var", "workspace"}) {
    folder(name);
  }
  add(MakeLink{.target = "/tmp", .path = "var/tmp"});
  for (const HostReport::RootEntry& entry : host_.root_entries) {
    if (entry.target.empty()) folder(entry.name);
    else add(MakeLink{.target = entry.target, .path = entry.name});
  }
}

void PlanBuilder::make_etc() {
  const auto file = [&](const char* name, const char* text) {
    add(WriteFile{.path = std::string("etc/") + name, .text = text});
  };
  file("passwd",
       "root:x:0:0:root:/:/usr/sbin/nologin\nuser:x:1000:1000:user:/home/user:/bin/bash\n"
       "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n");
  file("group", "root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n");
  file("hostname", "brig\n");
  file("hosts", "127.0.0.1 localhost brig\n::1 localhost\n");
  file("nsswitch.conf",
       "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\nprotocols: files\n");
  file("resolv.conf", "# no network\n");
  add(MakeLink{.target = "../usr/lib/os-release", .path = "etc/os-release"});
  add(MakeLink{.target = "/usr/share/zoneinfo/Etc/UTC", .path = "etc/localtime"});
  add(MakeLink{.target = "/proc/self/mounts", .path = "etc/mtab"});
}

void PlanBuilder::bind_system() {
  constexpr std::uint32_t kSystem = kReadOnly | kNoDevices;
  add(BindHost{.host = "/usr", .path = "usr", .flags = kSystem});
  for (const HostReport::RootEntry& entry : host_.root_entries) {
    if (entry.target.empty()) add(BindHost{.host = "/" + entry.name, .path = entry.name, .flags = kSystem});
  }
  for (const std::string& name : host_.etc_entries) {
    const std::string path = "etc/" + name;
    const bool is_file =
        name.contains('.') || name == "magic" || name == "matplotlibrc" || name == "protocols" || name == "services";
    if (is_file) empty_file(path);
    else folder_with_parents(path);
    add(BindHost{.host = "/" + path, .path = path, .flags = kSystem | kNoExec});
  }
}

void PlanBuilder::make_devices() {
  for (const char* name : {"full", "null", "random", "tty", "urandom", "zero"}) {
    const std::string path = std::string("dev/") + name;
    empty_file(path);
    add(BindHost{.host = "/" + path, .path = path, .flags = kNoExec});
  }
  folder("dev/pts");
  add(MountTerminals{.path = "dev/pts"});
  add(MakeLink{.target = "pts/ptmx", .path = "dev/ptmx"});
  add(MakeLink{.target = "/proc/self/fd", .path = "dev/fd"});
  add(MakeLink{.target = "/proc/self/fd/0", .path = "dev/stdin"});
  add(MakeLink{.target = "/proc/self/fd/1", .path = "dev/stdout"});
  add(MakeLink{.target = "/proc/self/fd/2", .path = "dev/stderr"});
}

/// One file system for everything that can be written, shown at four places, so that one limit holds for all of them.
void PlanBuilder::make_scratch() {
  folder(".scratch");
  add(MountTmpfs{.path = ".scratch", .bytes = request_.disk.count, .inodes = request_.inodes});
  struct Place {
    const char* name;
    const char* path;
    std::uint32_t mode;
  };
  for (const Place& place : {Place{"home", "home/user", 0755}, Place{"shm", "dev/shm", 01777},
                             Place{"tmp", "tmp", 01777}, Place{"workspace", "workspace", 0755}}) {
    const std::string from = std::string(".scratch/") + place.name;
    add(MakeFolder{.path = from, .mode = place.mode});
    folder(place.path);
    add(BindInside{.from = from, .path = place.path, .flags = kNoDevices});
  }
  add(Unmount{.path = ".scratch"});
}

/// What programs read in /proc besides processes. Everything else that others may read is covered, also what future
/// kernels add.
constexpr std::array<std::string_view, 8> kProcShown{"cpuinfo", "filesystems", "loadavg", "meminfo",
                                                     "sys",     "sysvipc",     "uptime",  "version"};

/// A /proc/stat with the number of processors, which libc and node take from it, and without the counts of interrupts
/// and of processor time, which let one sandbox watch the keyboard and the neighbours.
std::string quiet_stat(std::uint32_t processors) {
  constexpr std::string_view kZeros = " 0 0 0 0 0 0 0 0 0 0\n";
  std::string text = "cpu " + std::string(kZeros);
  for (std::uint32_t index = 0; index < processors; ++index)
    text += "cpu" + std::to_string(index) + std::string(kZeros);
  return text +
         "intr 0\nctxt 0\nbtime 0\nprocesses 0\nprocs_running 1\nprocs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n";
}

void PlanBuilder::make_proc() {
  add(MountProc{.path = "proc"});
  for (const HostReport::ProcEntry& entry : host_.proc_entries) {
    if (std::ranges::find(kProcShown, entry.name) != kProcShown.end()) continue;
    const std::string path = "proc/" + entry.name;
    if (entry.name == "stat") {
      add(WriteFile{.path = "dev/.stat", .text = quiet_stat(host_.processors)});
      add(BindInside{.from = "dev/.stat", .path = path, .flags = kReadOnly | kNoDevices | kNoExec});
      continue;
    }
    // A folder is covered by one that must not become writable; the null device may be written as ever.
    if (entry.is_folder) add(BindInside{.from = "run", .path = path, .flags = kReadOnly | kNoDevices | kNoExec});
    else add(BindInside{.from = "dev/null", .path = path, .flags = 0});
  }
  add(BindInside{.from = "proc/sys", .path = "proc/sys", .flags = kReadOnly | kNoDevices | kNoExec});
  // The boot id names this machine's boot to anybody who compares two sandboxes.
  add(BindInside{.from = "dev/null", .path = "proc/sys/kernel/random/boot_id", .flags = 0});
}

Result<> PlanBuilder::add_mounts() {
  for (std::size_t i = 0; i < request_.mounts.size(); ++i) {
    const LaunchMount& mount = request_.mounts[i];
    const std::size_t slash = mount.path.rfind('/');
    if (slash != std::string::npos) {
      const std::string parent = mount.path.substr(0, slash);
      if (!made_.contains(parent)) folder_with_parents(parent);
    }
    if (made_.contains(mount.path)) {
      return Error(Code::kInvalidArgument,
                   "two things would be at /" + mount.path + " inside: give one of them another place");
    }
    if (mount.is_folder) folder(mount.path);
    else empty_file(mount.path);
    if (identities_.empty()) {
      add(AttachMount{.slot = slots_++, .path = mount.path});
    } else {
      add(BindHost{.host = mount.host,
                   .path = mount.path,
                   .flags = kNoDevices | (mount.is_writable ? 0U : kReadOnly),
                   .device = identities_.at(i).device,
                   .inode = identities_.at(i).inode});
    }
  }
  return {};
}

void PlanBuilder::set_limits() {
  const auto limit = [&](std::uint32_t resource, std::uint64_t soft, std::uint64_t hard) {
    add(SetLimit{.resource = resource, .soft = soft, .hard = hard});
  };
  // Too small for a file, and unlike 0 it keeps a core_pattern that is a program from being started (core(5)).
  limit(RLIMIT_CORE, 1, 1);
  limit(RLIMIT_NOFILE, request_.open_files, request_.open_files);
  limit(RLIMIT_FSIZE, request_.disk.count,
        request_.disk.count);  // ends the program (SIGXFSZ) instead of filling the scratch with one file
  limit(RLIMIT_MEMLOCK, kibibytes(64).count, kibibytes(64).count);
  limit(RLIMIT_MSGQUEUE, 0, 0);  // kernel memory that no cgroup of v1 counts
  limit(RLIMIT_SIGPENDING, 1024, 1024);
  limit(RLIMIT_RTPRIO, 0, 0);
  limit(RLIMIT_NICE, 0, 0);
  // Counted per user and user namespace: with an id (root) or a namespace (rootless) of its own it is this sandbox's
  // alone. One more than the cgroup allows, which refuses first and counts it.
  const std::uint32_t processes = host_.cgroups.has_all() ? request_.pids + 1 : request_.pids;
  limit(RLIMIT_NPROC, processes, processes);
  if (!host_.cgroups.has_all()) limit(RLIMIT_DATA, request_.memory.count, request_.memory.count);
  if (request_.cpu_seconds > 0) limit(RLIMIT_CPU, request_.cpu_seconds, request_.cpu_seconds + 1);
}

// Landlock access rights by ABI (linux/landlock.h): 13 with ABI 1, then refer, truncate, device ioctl.
constexpr std::uint64_t kAllOfAbi1 = (1ULL << 13) - 1;
constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;

std::uint64_t handled_by(int abi) {
  std::uint64_t handled = kAllOfAbi1;
  if (abi >= 2) handled |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) handled |= sys::abi::kLandlockTruncate;
  if (abi >= 5) handled |= sys::abi::kLandlockIoctlDev;
  return handled;
}

void PlanBuilder::restrict_files() {
  const int abi = host_.landlock_abi;
  if (abi == 0) return;
  RestrictFiles restriction{.handled = handled_by(abi), .scoped = 0, .rules = {}};
  if (abi >= 6) restriction.scoped = sys::abi::kLandlockScopeAbstractUnixSocket | sys::abi::kLandlockScopeSignal;
  const std::uint64_t everything = restriction.handled;
  const std::uint64_t run = (kRead | LANDLOCK_ACCESS_FS_EXECUTE) & everything;
  const std::uint64_t device = (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                sys::abi::kLandlockIoctlDev | sys::abi::kLandlockTruncate) &
                               everything;
  const auto rule = [&](std::string path, std::uint64_t access) {
    restriction.rules.push_back({std::move(path), access});
  };
  rule("/", LANDLOCK_ACCESS_FS_READ_DIR);  // listing only
  rule("/usr", run);
  for (const HostReport::RootEntry& entry : host_.root_entries) {
    if (entry.target.empty()) rule("/" + entry.name, run);
  }
  rule("/etc", kRead);
  rule("/proc", kRead);
  // A rule on a file may not carry folder rights; dev/pts is a folder of devices.
  for (const char* name : {"full", "null", "random", "tty", "urandom", "zero"})
    rule(std::string("/dev/") + name, device);
  rule("/dev/pts", device | LANDLOCK_ACCESS_FS_READ_DIR);
  for (const char* path : {"/dev/shm", "/home/user", "/tmp", "/workspace"}) rule(path, everything);
  constexpr std::uint64_t kFileRights = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                        LANDLOCK_ACCESS_FS_READ_FILE | sys::abi::kLandlockTruncate;
  for (const LaunchMount& mount : request_.mounts) {
    const std::uint64_t wanted = mount.is_writable ? everything : run;
    rule("/" + mount.path, mount.is_folder ? wanted : wanted & kFileRights);
  }
  add(std::move(restriction));
}

}  // namespace

Result<JailPlan> compile(const LaunchRequest& request, const HostReport& host,
                         const std::vector<MountIdentity>& identities) {
  if (!host.has_user_namespaces) {
    return Error(Code::kUnsupported, "the process wall needs user namespaces: " + host.why_no_user_namespaces);
  }
  return PlanBuilder(request, host, identities).build();
}

std::vector<std::string> weaknesses_of(const policy::Limits& limits, const HostReport& host) {
  std::vector<std::string> list;
  if (!host.cgroups.has_all()) {
    list.push_back("memory: not limited to " + format(limits.memory) +
                   " but for the private memory of each process; shared memory is not limited (" +
                   host.cgroups.why_not + ")");
    list.push_back("cpu: not limited to " + std::to_string(limits.cpu_millis) + " thousandths of a processor (" +
                   host.cgroups.why_not + ")");
  }
  if (!host.cgroups.has_all() && !host.is_root && host.uid == 0) {
    // The resource limit that stands in for the group does not bind the machine's own root (fork(2), RLIMIT_NPROC).
    list.push_back("pids: not limited to " + std::to_string(limits.pids) + " (" + host.cgroups.why_not + ")");
  }
  if (!host.is_root) {
    list.push_back(
        "identity: outside, the code runs as your own user (uid " + std::to_string(host.uid) +
        "), not as a user of its own (" +
        (host.uid == 0 ? "this root has no capabilities or no ids to give away, as in a container)" : "needs root)"));
    if (host.has_extra_groups) {
      list.emplace_back("groups: the supplementary groups of your user cannot be dropped without root");
    }
  }
  if (host.landlock_abi == 0) {
    list.emplace_back("files: this kernel has no Landlock; the sandbox's own mounts alone decide what can be opened");
  }
  return list;
}

std::uint32_t landlock_rule_count(const JailPlan& plan) {
  for (const Step& step : plan.steps) {
    if (const auto* restriction = std::get_if<RestrictFiles>(&step))
      return static_cast<std::uint32_t>(restriction->rules.size());
  }
  return 0;
}

}  // namespace brig::runtimes::process
