#include "runtimes/process/compile.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <set>

#include "policy/scratch.h"
#include "runtimes/process/disk_scratch.h"
#include "runtimes/process/set_id_filter.h"
#include "sys/abi.h"

namespace brig::runtimes::process {
namespace {

/// What programs read in /proc besides processes. Everything else that others may read is covered, also what future
/// kernels add.
/// (stat has a cover of its own.)
constexpr std::array<const char*, 9> kProcShown{"cpuinfo", "filesystems", "loadavg", "meminfo", "stat",
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

/// Builds a plan step by step; the functions below are its chapters, in order.
class PlanBuilder {
 public:
  PlanBuilder(const LaunchRequest& request, const HostReport& host, const std::vector<MountIdentity>& identities)
      : request_(request), host_(host), identities_(identities) {}

  Result<JailPlan> build() {
    join_groups();
    take_identity();
    make_root();
    make_devices();
    make_scratch();
    make_proc();
    TRY(add_mounts());
    add(PivotRoot{});
    if (!request_.is_writable) add(SealRoot{});
    add(SetHostname{.name = "brig"});
    add(RaiseLoopback{});
    add(NewSession{});
    set_limits();
    if (request_.is_writable) add(KeepCapabilities{.mask = kBuilderCapabilities});
    else add(DropCapabilities{});
    add(ForbidNewPrivileges{});
    restrict_files();
    add(HideProcess{});
    install_filters();
    TRY(check_order(plan_));
    return std::move(plan_);
  }

  Result<JailPlan> build_tree(std::uint32_t first_slot) {
    slots_ = first_slot;
    make_folders();
    if (is_image()) {
      bind_image();
    } else {
      make_etc();
      bind_system();
    }
    make_devices();
    make_scratch();
    add(WriteFile{.path = "dev/.stat", .text = quiet_stat(host_.processors)});
    TRY(add_mounts());
    return std::move(plan_);
  }

  JailPlan build_confinement() {
    set_limits();
    add(ForbidNewPrivileges{});
    restrict_files();
    add(HideProcess{});
    install_filters();
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
  [[nodiscard]] bool is_image() const { return !request_.image.empty(); }
  [[nodiscard]] bool has_entry(std::string_view name) const {
    return std::ranges::find(host_.root_entries, name, &HostReport::RootEntry::name) != host_.root_entries.end();
  }
  void make_root();
  void make_folders();
  void bind_image();
  void make_etc();
  void bind_system();
  void make_devices();
  void make_scratch();
  void make_proc();
  Result<> add_mounts();
  void set_limits();
  void restrict_files();
  void install_filters();
  [[nodiscard]] Bytes scratch() const;

  const LaunchRequest& request_;
  const HostReport& host_;
  const std::vector<MountIdentity>& identities_;
  JailPlan plan_;
  std::set<std::string> made_;
  std::uint32_t slots_ = 0;
};

/// Files in memory must leave room for the agent; where no group limits memory nobody is ended for them.
Bytes PlanBuilder::scratch() const {
  if (!host_.cgroups.has_all() || is_scratch_on_disk(request_, host_)) return request_.disk;
  return std::min(request_.disk, policy::scratch_room(request_.memory, request_.inodes));
}

void PlanBuilder::join_groups() {
  if (!host_.cgroups.has_all()) return;
  if (host_.cgroups.version != sys::CgroupVersion::kV2) {
    const std::set<std::string> groups{host_.cgroups.memory, host_.cgroups.pids, host_.cgroups.cpu};
    for (std::size_t i = 0; i < groups.size(); ++i) add(JoinCgroup{.slot = slots_++});
  }
}

void PlanBuilder::take_identity() {
  add(EnterCgroupNamespace{});
  if (request_.is_writable) add(SetIdentity{.uid = 0, .gid = 0});
  else add(SetIdentity{.uid = kInsideUid, .gid = kInsideGid});
  add(DieWithParent{});
  add(MakeMountsPrivate{});
}

void PlanBuilder::make_root() {
  if (request_.is_writable) {
    // It has the folders that every sandbox needs (build_root.h). /dev is none of its own.
    add(UseRoot{.slot = slots_++});
    made_.insert({"dev", "tmp"});
    add(MountTmpfs{.path = "dev", .bytes = kibibytes(64).count, .inodes = 64});
    return;
  }
  add(NewRoot{.bytes = kibibytes(512).count, .inodes = 512});
  make_folders();
  if (is_image()) {
    bind_image();
  } else {
    make_etc();
    bind_system();
  }
}

void PlanBuilder::make_folders() {
  for (const char* name : {"dev", "proc", "run", "sys", "tmp", "usr", "workspace"}) folder(name);
  if (has_entry("home")) made_.insert("home/user");  // by image_mount.h
  else
    for (const char* name : {"home", "home/user"}) folder(name);
  if (!is_image()) {
    for (const char* name : {"etc", "var"}) folder(name);
    add(MakeLink{.target = "/tmp", .path = "var/tmp"});
  }
  for (const HostReport::RootEntry& entry : host_.root_entries) {
    if (!entry.target.empty()) add(MakeLink{.target = entry.target, .path = entry.name});
    else if (entry.is_file) empty_file(entry.name);
    else folder(entry.name);
  }
}

/// Every entry of the image, read-only as the image itself. The image hangs at /usr, where its own folder usr covers it
/// in the end: unmounting it would cost a grace period of the kernel.
void PlanBuilder::bind_image() {
  add(AttachMount{.slot = slots_++, .path = "usr"});
  for (const HostReport::RootEntry& entry : host_.root_entries) {
    if (entry.target.empty()) add(BindInside{.from = "usr/" + entry.name, .path = entry.name, .flags = 0});
  }
  add(BindInside{.from = "usr/usr", .path = "usr", .flags = 0});
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
    const bool is_file = name.contains('.') || name.starts_with("R/") || name == "magic" || name == "matplotlibrc" ||
                         name == "protocols" || name == "services";
    if (is_file) folder_with_parents(path.substr(0, path.rfind('/')));
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
  if (request_.wall == Wall::kProcess) add(MountTerminals{.path = "dev/pts"});  // else the runtime's
  add(MakeLink{.target = "pts/ptmx", .path = "dev/ptmx"});
  add(MakeLink{.target = "/proc/self/fd", .path = "dev/fd"});
  add(MakeLink{.target = "/proc/self/fd/0", .path = "dev/stdin"});
  add(MakeLink{.target = "/proc/self/fd/1", .path = "dev/stdout"});
  add(MakeLink{.target = "/proc/self/fd/2", .path = "dev/stderr"});
}

/// One file system for everything that can be written, shown at four places, so that one limit holds for all of them.
/// Its root lies at /tmp, where its own folder tmp covers it in the end: unmounting it there would cost every sandbox a
/// grace period of the kernel (RCU).
void PlanBuilder::make_scratch() {
  if (is_scratch_on_disk(request_, host_)) add(AttachMount{.slot = slots_++, .path = "tmp"});
  else add(MountTmpfs{.path = "tmp", .bytes = scratch().count, .inodes = request_.inodes});
  struct Place {
    const char* name;
    const char* path;
    std::uint32_t mode;
  };
  const auto is_part_of_root = [&](const Place& place) {
    return request_.is_writable &&
           (place.path == std::string_view("home/user") || place.path == std::string_view("workspace"));
  };
  for (const Place& place : {Place{"home", "home/user", 0755}, Place{"shm", "dev/shm", 01777},
                             Place{"workspace", "workspace", 0755}, Place{"tmp", "tmp", 01777}}) {
    if (is_part_of_root(place)) continue;
    const std::string from = std::string("tmp/") + place.name;
    add(MakeFolder{.path = from, .mode = place.mode});
    folder(place.path);
    add(BindInside{.from = from, .path = place.path, .flags = kNoDevices});
  }
}

void PlanBuilder::make_proc() {
  add(MountProc{.path = "proc"});
  add(CoverProc{.path = "proc", .shown = {kProcShown.begin(), kProcShown.end()}});
  add(WriteFile{.path = "dev/.stat", .text = quiet_stat(host_.processors)});
  add(BindInside{.from = "dev/.stat", .path = "proc/stat", .flags = kReadOnly | kNoDevices | kNoExec});
  // What the kernel counts for a user namespace it counts for its owner as well. As root that is the sandbox's own id,
  // with limits of its own; without, it is whoever called us, whose 128 instances several sandboxes must not take.
  if (!host_.is_root) {
    add(SetKernelLimit{.path = "proc/sys/user/max_inotify_instances", .text = "8"});
    add(SetKernelLimit{.path = "proc/sys/user/max_inotify_watches", .text = "8192"});
  }
  add(BindInside{.from = "proc/sys", .path = "proc/sys", .flags = kReadOnly | kNoDevices | kNoExec});
  // The boot id names this machine's boot to anybody who compares two sandboxes.
  add(BindInside{.from = "dev/null", .path = "proc/sys/kernel/random/boot_id", .flags = 0});
}

Result<> PlanBuilder::add_mounts() {
  for (std::size_t i = 0; i < request_.mounts.size(); ++i) {
    const LaunchMount& mount = request_.mounts[i];
    if (request_.is_writable && !mount.path.starts_with("dev/")) {
      // Anywhere else an earlier step may have put a link.
      return Error(Code::kInvalidArgument, "in a root that can be written, mounts are shown below /dev");
    }
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
  // 1 is too small for a file, and unlike 0 it keeps a core_pattern that is a program from being started (core(5)).
  limit(RLIMIT_CORE, host_.core_limit, host_.core_limit);
  limit(RLIMIT_NOFILE, request_.open_files, request_.open_files);
  limit(RLIMIT_FSIZE, scratch().count,
        scratch().count);  // ends the program (SIGXFSZ) instead of filling the scratch with one file
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

/// The ordinary filter comes last: it lets nobody install another. A builder's files are nobody's on the host
/// (build_root.h), and package managers do set such bits.
void PlanBuilder::install_filters() {
  const bool may_write = std::ranges::any_of(request_.mounts, &LaunchMount::is_writable);
  if (may_write && !request_.is_writable) add(InstallSeccomp{.program = set_id_filter()});
  add(InstallSeccomp{.program = seccomp_program().bytes});
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
  if (request_.is_writable) {
    rule("/", everything);  // its mounts decide; what is scoped stays so
    add(std::move(restriction));
    return;
  }
  rule("/", LANDLOCK_ACCESS_FS_READ_DIR);  // listing only
  constexpr std::uint64_t kFileRights = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                        LANDLOCK_ACCESS_FS_READ_FILE | sys::abi::kLandlockTruncate;
  rule("/usr", run);
  for (const HostReport::RootEntry& entry : host_.root_entries) {
    if (entry.target.empty()) rule("/" + entry.name, entry.is_file ? run & kFileRights : run);
  }
  if (!is_image()) rule("/etc", kRead);
  rule("/proc", kRead);
  // A rule on a file may not carry folder rights; dev/pts is a folder of devices.
  for (const char* name : {"full", "null", "random", "tty", "urandom", "zero"})
    rule(std::string("/dev/") + name, device);
  rule("/dev/pts", device | LANDLOCK_ACCESS_FS_READ_DIR);
  for (const char* path : {"/dev/shm", "/home/user", "/tmp", "/workspace"}) rule(path, everything);
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

Result<JailPlan> compile_tree(const LaunchRequest& request, const HostReport& host,
                              const std::vector<MountIdentity>& identities, std::uint32_t first_slot) {
  return PlanBuilder(request, host, identities).build_tree(first_slot);
}

JailPlan compile_confinement(const LaunchRequest& request, const HostReport& host) {
  return PlanBuilder(request, host, {}).build_confinement();
}

std::span<const char* const> proc_shown() { return kProcShown; }

std::vector<std::string> weaknesses_of(const policy::Limits& limits, const HostReport& host) {
  std::vector<std::string> list;
  if (!host.cgroups.has_all()) {
    list.push_back("memory: not limited to " + format(limits.memory) +
                   " but for the private memory of each process; shared memory is not limited (" +
                   host.cgroups.why_not + ")");
    list.push_back("cpu: not limited to " + std::to_string(limits.cpu_millis) + " thousandths of a processor (" +
                   host.cgroups.why_not + ")");
  }
  const Bytes room = policy::scratch_room(limits.memory, limits.inodes);
  if (host.cgroups.has_all() && !host.has_disk_scratch && limits.disk > room) {
    list.push_back("disk: no more than " + format(Bytes{room.count >> 20 << 20}) + " of the " + format(limits.disk) +
                   " fit, because files count as memory here (as root, with mke2fs, they would lie on the disk)");
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
  if (host.has_core_handler) {
    list.emplace_back(
        "crashes: when a program crashes the kernel starts this host's crash handler, outside, because Brig's own "
        "limit "
        "of core files is 0 (run `ulimit -Hc unlimited` before, or as root set kernel.core_pattern to a file's name)");
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
