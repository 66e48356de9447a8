#include "sys/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <functional>
#include <memory>
#include <set>

#include "sys/file.h"

namespace brig::sys {
namespace {

constexpr std::size_t kControlFileLimit = 64 * 1024;
/// Below a group: the one that an OCI runtime makes for its container.
const std::string kBox(kContainerGroup);
constexpr std::uint64_t kCpuPeriodUs = 100'000;  // the kernel's default period

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::optional<std::uint64_t> read_number(const std::string& path) {
  const auto text = read_file(path, kControlFileLimit);
  if (!text.has_value()) return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc()) return std::nullopt;
  return number;
}

/// The number after "<key> " in a flat-keyed file (memory.events, pids.events, memory.oom_control).
std::uint64_t read_keyed(const std::string& path, std::string_view key) {
  const auto text = read_file(path, kControlFileLimit);
  if (!text.has_value()) return 0;
  for (std::string_view line : split(*text, '\n')) {
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ' ') continue;
    std::uint64_t number = 0;
    std::from_chars(line.data() + key.size() + 1, line.data() + line.size(), number);
    return number;
  }
  return 0;
}

bool is_writable_folder(const std::string& path) { return ::access(path.c_str(), W_OK | X_OK) == 0; }

struct Hierarchy {
  std::string mount_point;
  std::string root;                                ///< the part of the hierarchy that is mounted there
  std::set<std::string, std::less<>> controllers;  ///< v1 only
  bool is_v2 = false;
};

/// Cgroup file systems of /proc/self/mountinfo (proc(5)): fields 4 and 5 are root and mount point, after " - " come
/// type, source, options.
std::vector<Hierarchy> parse_mountinfo(std::string_view mountinfo) {
  std::vector<Hierarchy> found;
  for (std::string_view line : split(mountinfo, '\n')) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    const auto before = split(line.substr(0, dash), ' ');
    const auto after = split(line.substr(dash + 3), ' ');
    if (before.size() < 6 || after.size() < 3) continue;
    if (after[0] != "cgroup" && after[0] != "cgroup2") continue;
    Hierarchy hierarchy{.mount_point = std::string(before[4]),
                        .root = std::string(before[3]),
                        .controllers = {},
                        .is_v2 = after[0] == "cgroup2"};
    for (std::string_view option : split(after[2], ',')) hierarchy.controllers.emplace(option);
    found.push_back(std::move(hierarchy));
  }
  return found;
}

/// The path after "0::" in /proc/self/cgroup.
std::string own_v2_path(std::string_view self_cgroup) {
  for (std::string_view line : split(self_cgroup, '\n')) {
    if (line.starts_with("0::")) return std::string(line.substr(3));
  }
  return "/";
}

std::set<std::string, std::less<>> v2_controllers(const std::string& folder) {
  std::set<std::string, std::less<>> names;
  const auto text = read_file(folder + "/cgroup.controllers", kControlFileLimit);
  if (!text.has_value()) return names;
  for (std::string_view line : split(*text, '\n')) {
    for (std::string_view name : split(line, ' ')) names.emplace(name);
  }
  return names;
}

/// Where a v2 group may be made: below the root for root, below our own (delegated) group otherwise.
std::string v2_parent(const Hierarchy& hierarchy, std::string_view self_cgroup, const std::string& root) {
  std::string top = root + hierarchy.mount_point;
  if (is_writable_folder(top)) return top;
  std::string own = own_v2_path(self_cgroup);
  // A group with processes of its own may not have children with controllers: look one level up as well.
  for (int level = 0; level < 2 && own.size() > 1; ++level) {
    if (is_writable_folder(top + own) && ::access((top + own + "/cgroup.subtree_control").c_str(), W_OK) == 0)
      return top + own;
    const std::size_t slash = own.rfind('/');
    if (slash == std::string::npos) break;
    own.resize(slash);
  }
  return {};
}

}  // namespace

std::string_view to_string(CgroupVersion version) {
  switch (version) {
    case CgroupVersion::kNone: return "none";
    case CgroupVersion::kV1: return "v1";
    case CgroupVersion::kV2: return "v2";
    case CgroupVersion::kHybrid: return "hybrid";
  }
  return "none";
}

CgroupTree find_cgroup_tree(std::string_view mountinfo, std::string_view self_cgroup, const std::string& root) {
  CgroupTree tree;
  bool has_v1 = false;
  bool has_v2 = false;
  for (const Hierarchy& hierarchy : parse_mountinfo(mountinfo)) {
    if (hierarchy.is_v2) {
      has_v2 = true;
      const std::string parent = v2_parent(hierarchy, self_cgroup, root);
      if (parent.empty()) continue;
      tree.freezer = parent;
      const auto controllers = v2_controllers(parent);
      if (controllers.contains("memory")) tree.memory = parent;
      if (controllers.contains("pids")) tree.pids = parent;
      if (controllers.contains("cpu")) tree.cpu = parent;
      continue;
    }
    const std::string top = root + hierarchy.mount_point;
    const auto take = [&](std::string_view name, std::string& place) {
      if (!hierarchy.controllers.contains(name)) return;
      has_v1 = true;
      if (is_writable_folder(top)) place = top;
    };
    take("memory", tree.memory);
    take("pids", tree.pids);
    take("cpu", tree.cpu);
  }
  tree.version = has_v1 ? (has_v2 ? CgroupVersion::kHybrid : CgroupVersion::kV1)
                        : (has_v2 ? CgroupVersion::kV2 : CgroupVersion::kNone);
  if (!tree.has_all()) {
    if (tree.version == CgroupVersion::kNone) {
      tree.why_not = "no cgroup file system is mounted";
    } else {
      tree.why_not = "this user may not make groups below /sys/fs/cgroup";
    }
  }
  return tree;
}

CgroupTree find_own_cgroup_tree() {
  const auto mountinfo = read_file("/proc/self/mountinfo", 4 << 20);
  const auto self = read_file("/proc/self/cgroup", kControlFileLimit);
  if (!mountinfo.has_value()) {
    CgroupTree none;
    none.why_not = "/proc/self/mountinfo cannot be read";
    return none;
  }
  return find_cgroup_tree(*mountinfo, self.has_value() ? *self : std::string());
}

namespace {

bool is_v2_folder(const std::string& folder) { return ::access((folder + "/cgroup.controllers").c_str(), F_OK) == 0; }

Result<> make_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) < 0 && errno != EEXIST) return Error::last_system("make the cgroup " + path);
  return {};
}

/// v2: a child has a controller's files only if its parent's subtree_control names it.
Result<> enable_controllers(const std::string& folder) {
  for (const char* name : {"+memory", "+pids", "+cpu"}) {
    TRY(write_file(folder + "/cgroup.subtree_control", name));
  }
  return {};
}

/// The share of the processors of all sandboxes together. A group of its own would have the weight of one ordinary
/// process, and on a busy machine every sandbox would wait; a processor's worth of weight each processor keeps them on
/// a par with the host's processes.
Result<> weigh(const std::string& top, bool is_v2) {
  const long processors = std::max(::sysconf(_SC_NPROCESSORS_ONLN), 1L);
  if (is_v2) return write_file(top + "/cpu.weight", std::to_string(std::min(100 * processors, 10'000L)));
  if (::access((top + "/cpu.shares").c_str(), F_OK) != 0) return {};  // another controller's folder
  return write_file(top + "/cpu.shares", std::to_string(std::min(1024 * processors, 262'144L)));
}

/// `parent`/brig, ready to have children.
Result<std::string> make_top(const std::string& parent) {
  std::string top = parent + "/brig";
  if (::access(top.c_str(), F_OK) == 0) return top;
  const bool is_v2 = is_v2_folder(parent);
  if (is_v2) TRY(enable_controllers(parent));
  TRY(make_folder(top));
  if (is_v2) TRY(enable_controllers(top));
  TRY(weigh(top, is_v2));
  return top;
}

Result<> limit_memory(const std::string& folder, bool is_v2, Bytes memory) {
  const std::string bytes = std::to_string(memory.count);
  if (is_v2) {
    TRY(write_file(folder + "/memory.max", bytes));
    // The file is absent on kernels without swap accounting; then there is no swap to take either, or read_limits would
    // lie.
    if (::access((folder + "/memory.swap.max").c_str(), F_OK) == 0) TRY(write_file(folder + "/memory.swap.max", "0"));
    TRY(write_file(folder + "/memory.oom.group", "0"));
    return {};
  }
  TRY(write_file(folder + "/memory.limit_in_bytes", bytes));
  // memsw counts memory and swap together: the same number leaves no room for swap. Absent without swap accounting.
  if (::access((folder + "/memory.memsw.limit_in_bytes").c_str(), F_OK) == 0) {
    TRY(write_file(folder + "/memory.memsw.limit_in_bytes", bytes));
  } else {
    TRY(write_file(folder + "/memory.swappiness", "0"));
  }
  // v1 counts what lies in TCP and UDP sockets apart from memory, and not at all without a limit. Absent without v1's
  // network part.
  if (::access((folder + "/memory.kmem.tcp.limit_in_bytes").c_str(), F_OK) == 0) {
    TRY(write_file(folder + "/memory.kmem.tcp.limit_in_bytes", std::to_string(memory.count / 4)));
  }
  return {};
}

Result<> limit_cpu(const std::string& folder, bool is_v2, std::uint32_t cpu_millis) {
  const std::uint64_t quota = kCpuPeriodUs * cpu_millis / 1000;
  if (is_v2) return write_file(folder + "/cpu.max", std::to_string(quota) + " " + std::to_string(kCpuPeriodUs));
  return write_file(folder + "/cpu.cfs_quota_us", std::to_string(quota));
}

Result<> remove_folder(const std::string& path) {
  if (path.empty()) return {};
  // Right after its last process ended a group may be busy for a moment (the kernel drops its references later).
  constexpr int kAttempts = 1000;  // about two seconds; on a busy machine it took more than one
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return {};
    if (errno != EBUSY) break;
    const timespec pause{.tv_sec = 0, .tv_nsec = attempt < 20 ? 100'000 : 2'000'000};
    ::nanosleep(&pause, nullptr);
  }
  return Error::last_system("remove the cgroup " + path);
}

}  // namespace

Result<> make_cgroup_folders(const CgroupTree& tree) {
  for (const std::string* parent : {&tree.memory, &tree.pids, &tree.cpu}) TRY(make_top(*parent));
  return {};
}

Result<Cgroup> Cgroup::create(const CgroupTree& tree, const std::string& name, const CgroupLimits& limits) {
  if (!tree.has_all()) return Error(Code::kUnsupported, "no cgroup can be made here: " + tree.why_not);
  Cgroup group;
  group.is_v2_ = is_v2_folder(tree.memory);
  group.freezer_parent_ = tree.freezer;
  group.name_ = name;
  const auto make = [&](const std::string& parent, std::string& place) -> Result<> {
    const std::string folder = TRY(make_top(parent)) + "/" + name;
    if (::mkdir(folder.c_str(), 0755) < 0) return Error::last_system("make the cgroup " + folder);
    place = folder;
    return {};
  };
  TRY(make(tree.memory, group.memory_));
  TRY(limit_memory(group.memory_, group.is_v2_, limits.memory));
  if (group.is_v2_) {
    group.pids_ = group.memory_;
    group.cpu_ = group.memory_;
  } else {
    TRY(make(tree.pids, group.pids_));
    if (tree.cpu == tree.pids) group.cpu_ = group.pids_;
    else TRY(make(tree.cpu, group.cpu_));
  }
  TRY(write_file(group.pids_ + "/pids.max", std::to_string(limits.pids)));
  TRY(limit_cpu(group.cpu_, group.is_v2_, limits.cpu_millis));
  if (group.is_v2_) {
    group.clone_target_ = TRY(sys::open(group.memory_, O_RDONLY | O_DIRECTORY));
    return group;
  }
  const std::set<std::string> folders{group.memory_, group.pids_, group.cpu_};
  for (const std::string& folder : folders) group.join_files_.push_back(TRY(sys::open(folder + "/tasks", O_WRONLY)));
  return group;
}

namespace {

/// The folder that shows the group `path` of a hierarchy of which only `root` may be mounted; empty if it is outside.
std::string folder_of(const Hierarchy& hierarchy, std::string_view path, const std::string& prefix) {
  std::string_view below = path;
  if (hierarchy.root != "/") {
    if (!below.starts_with(hierarchy.root)) return {};
    below.remove_prefix(hierarchy.root.size());
  }
  if (below.find("/..") != std::string_view::npos) return {};  // beyond our own cgroup namespace
  std::string folder = prefix + hierarchy.mount_point + std::string(below);
  return ::access(folder.c_str(), F_OK) == 0 ? folder : std::string();
}

}  // namespace

Result<Cgroup> Cgroup::find(std::string_view mountinfo, std::string_view cgroup, const std::string& root) {
  Cgroup group;
  group.is_borrowed_ = true;
  std::string v2;
  for (const Hierarchy& hierarchy : parse_mountinfo(mountinfo)) {
    for (std::string_view line : split(cgroup, '\n')) {  // "4:memory:/path", "0::/path" (cgroups(7))
      const std::size_t first = line.find(':');
      const std::size_t second = line.find(':', first + 1);
      if (first == std::string_view::npos || second == std::string_view::npos) continue;
      const auto names = split(line.substr(first + 1, second - first - 1), ',');
      const std::string folder = folder_of(hierarchy, line.substr(second + 1), root);
      if (folder.empty()) continue;
      if (hierarchy.is_v2 && names.empty()) v2 = folder;
      const auto take = [&](std::string_view name, std::string& place) {
        if (hierarchy.controllers.contains(name) && std::ranges::find(names, name) != names.end()) place = folder;
      };
      take("memory", group.memory_);
      take("pids", group.pids_);
      take("cpu", group.cpu_);
    }
  }
  if (group.memory_.empty() && !v2.empty()) {
    group.is_v2_ = true;
    group.memory_ = group.pids_ = group.cpu_ = v2;
  }
  if (group.memory_.empty() || group.pids_.empty() || group.cpu_.empty())
    return Error(Code::kUnavailable, "the process's groups cannot be found below /sys/fs/cgroup");
  return group;
}

Result<Cgroup> Cgroup::of_process(pid_t pid) {
  const std::string mountinfo = TRY(read_file("/proc/self/mountinfo", 4 << 20));
  return find(mountinfo, TRY(read_file("/proc/" + std::to_string(pid) + "/cgroup", kControlFileLimit)));
}

Cgroup::~Cgroup() { (void)destroy(); }  // what stays behind is found by the next sweep

Result<CgroupLimits> Cgroup::read_limits() const {
  const auto need = [](const std::string& path) -> Result<std::uint64_t> {
    const auto number = read_number(path);
    if (!number.has_value()) return Error(Code::kInternal, path + " does not hold a number");
    return *number;
  };
  CgroupLimits limits;
  limits.memory = Bytes{TRY(need(memory_ + (is_v2_ ? "/memory.max" : "/memory.limit_in_bytes")))};
  limits.pids = static_cast<std::uint32_t>(TRY(need(pids_ + "/pids.max")));
  const std::uint64_t quota = TRY(need(cpu_ + (is_v2_ ? "/cpu.max" : "/cpu.cfs_quota_us")));
  limits.cpu_millis = static_cast<std::uint32_t>(quota * 1000 / kCpuPeriodUs);
  return limits;
}

CgroupCounters Cgroup::counters() const {
  CgroupCounters counters;
  if (memory_.empty()) return counters;
  const auto peak = read_number(memory_ + (is_v2_ ? "/memory.peak" : "/memory.max_usage_in_bytes"));
  counters.peak_memory = Bytes{peak.value_or(0)};
  counters.memory_kills = read_keyed(memory_ + (is_v2_ ? "/memory.events" : "/memory.oom_control"), "oom_kill");
  counters.pids_refusals = read_keyed(pids_ + "/pids.events", "max");
  return counters;
}

namespace {

/// Of one process and of the children that it has waited for: fields 14 to 17 of proc_pid_stat(5), in ticks.
std::uint64_t ticks_of(std::string_view pid) {
  const auto text = read_file("/proc/" + std::string(pid) + "/stat", kControlFileLimit);
  if (!text.has_value()) return 0;
  const std::size_t end_of_name = text->rfind(") ");  // the name may hold anything
  if (end_of_name == std::string::npos) return 0;
  const auto fields = split(std::string_view(*text).substr(end_of_name + 2), ' ');
  constexpr std::size_t kFirst = 11;  // of what follows the name
  std::uint64_t total = 0;
  for (std::size_t i = kFirst; i < kFirst + 4 && i < fields.size(); ++i) {
    std::uint64_t ticks = 0;
    std::from_chars(fields[i].data(), fields[i].data() + fields[i].size(), ticks);
    total += ticks;
  }
  return total;
}

/// A process that ended was waited for by its parent or by the group's first process, so the living know of all.
Milliseconds cpu_by_process(const std::string& folder) {
  const auto text = read_file(folder + "/cgroup.procs", kControlFileLimit);
  const long ticks_a_second = ::sysconf(_SC_CLK_TCK);
  if (!text.has_value() || ticks_a_second <= 0) return Milliseconds(0);
  std::uint64_t ticks = 0;
  for (std::string_view pid : split(*text, '\n')) ticks += ticks_of(pid);
  return Milliseconds(static_cast<std::int64_t>(ticks * 1000 / static_cast<std::uint64_t>(ticks_a_second)));
}

}  // namespace

CgroupUse Cgroup::use() const {
  CgroupUse use;
  if (memory_.empty()) return use;
  use.memory = Bytes{read_number(memory_ + (is_v2_ ? "/memory.current" : "/memory.usage_in_bytes")).value_or(0)};
  use.pids = read_number(pids_ + "/pids.current").value_or(0);
  if (is_v2_) {
    use.cpu = Milliseconds(static_cast<std::int64_t>(read_keyed(cpu_ + "/cpu.stat", "usage_usec") / 1000));
  } else if (const auto nanoseconds = read_number(cpu_ + "/cpuacct.usage")) {
    use.cpu = Milliseconds(static_cast<std::int64_t>(*nanoseconds / 1'000'000));
  } else {
    use.cpu = cpu_by_process(pids_);
  }
  return use;
}

Result<> Cgroup::set_limits(const CgroupLimits& limits) {
  TRY(limit_memory(memory_, is_v2_, limits.memory));
  TRY(write_file(pids_ + "/pids.max", std::to_string(limits.pids)));
  TRY(limit_cpu(cpu_, is_v2_, limits.cpu_millis));
  // v2 keeps its peak for whoever reads it without having reset it over the same descriptor.
  if (!is_v2_) TRY(write_file(memory_ + "/memory.max_usage_in_bytes", "0"));
  return {};
}

Result<std::string> Cgroup::v2_folder() {
  if (is_v2_) return memory_;
  if (freezer_parent_.empty()) return Error(Code::kUnsupported, "no cgroup v2 hierarchy can be used here");
  TRY(make_freezer());
  return freezer_;
}

Result<> Cgroup::make_freezer() {
  if (!freezer_.empty()) return {};
  const std::string top = freezer_parent_ + "/brig";
  TRY(make_folder(top));
  if (::mkdir((top + "/" + name_).c_str(), 0755) < 0) return Error::last_system("make the cgroup " + top + "/" + name_);
  freezer_ = top + "/" + name_;
  return {};
}

Result<> Cgroup::destroy() {
  join_files_.clear();
  clone_target_.reset();
  if (is_borrowed_) return {};
  std::set<std::string> folders{memory_, pids_, cpu_, freezer_};
  const std::string& v2 = is_v2_ ? memory_ : freezer_;
  Result<> worst;
  if (!v2.empty()) worst = remove_folder(v2 + "/" + kBox);
  for (const std::string& folder : folders) {
    auto removed = remove_folder(folder);
    if (!removed.has_value()) worst = std::move(removed);
  }
  if (worst.has_value()) memory_ = pids_ = cpu_ = freezer_ = std::string();
  return worst;
}

namespace {

/// The lines of a cgroup.procs file that are not in `known`.
std::vector<std::string> members(const std::string& folder, const std::set<std::string, std::less<>>& known) {
  std::vector<std::string> pids;
  const auto text = read_file(folder + "/cgroup.procs", 1 << 20);
  if (!text.has_value()) return pids;
  for (std::string_view line : split(*text, '\n')) {
    if (!line.empty() && !known.contains(line)) pids.emplace_back(line);
  }
  return pids;
}

/// Brings everything that is in the group `from` into `to` as well, another hierarchy's. `to` must be frozen: what has
/// arrived makes no more processes, so this ends.
Result<> gather(const std::string& from, const std::string& to, std::chrono::steady_clock::time_point until) {
  while (true) {
    const auto there = members(to, {});
    const auto missing = members(from, {there.begin(), there.end()});
    if (missing.empty()) return {};
    if (std::chrono::steady_clock::now() > until)
      return Error(Code::kDeadline, "the processes of " + from + " could not be stopped in time");
    for (const std::string& pid : missing) {
      auto moved = write_file(to + "/cgroup.procs", pid);
      if (!moved.has_value() && moved.error().os_error() != ESRCH) return moved;  // else it has ended meanwhile
    }
  }
}

Result<> await_frozen(const std::string& folder, std::chrono::steady_clock::time_point until) {
  const std::string path = folder + "/cgroup.events";
  const Fd events = TRY(open(path, O_RDONLY));
  while (read_keyed(path, "frozen") != 1) {
    if (std::chrono::steady_clock::now() > until)
      return Error(Code::kDeadline, "the processes of " + folder + " do not stop");
    constexpr int kLookAgainMs = 20;  // the kernel says when the file changes; a change before the call is missed
    pollfd changed{events.get(), POLLPRI, 0};
    (void)::poll(&changed, 1, kLookAgainMs);
  }
  return {};
}

}  // namespace

namespace {

/// The group that an OCI runtime has made below `folder`: all of the guest is in it, and nothing may be moved beside
/// it.
std::optional<std::string> box_of(const std::string& folder) {
  if (folder.empty() || ::access((folder + "/" + kBox).c_str(), F_OK) != 0) return {};
  return folder + "/" + kBox;
}

}  // namespace

Result<> freeze_folder(const std::string& folder, Milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  auto written = write_file(folder + "/cgroup.freeze", "1");
  if (!written.has_value() && written.error().os_error() == ENOENT)
    return Error(Code::kUnsupported, "this kernel cannot freeze a group (Linux 5.2 and newer can)");
  if (!written.has_value()) return written;
  auto frozen = await_frozen(folder, until);
  if (!frozen.has_value()) (void)thaw_folder(folder);
  return frozen;
}

Result<> thaw_folder(const std::string& folder) { return write_file(folder + "/cgroup.freeze", "0"); }

Result<> Cgroup::freeze(Milliseconds limit) {
  if (freezer_parent_.empty())
    return Error(Code::kUnsupported, "no cgroup v2 hierarchy with a freezer can be used here");
  if (is_v2_) return freeze_folder(memory_, limit);
  if (const auto box = box_of(freezer_)) return freeze_folder(*box, limit);
  const auto until = std::chrono::steady_clock::now() + limit;
  TRY(make_freezer());
  TRY(write_file(freezer_ + "/cgroup.freeze", "1"));
  auto frozen = gather(memory_, freezer_, until);
  if (frozen.has_value()) frozen = await_frozen(freezer_, until);
  if (!frozen.has_value()) (void)thaw();
  return frozen;
}

Result<> Cgroup::thaw() {
  if (is_v2_) return thaw_folder(memory_);
  if (freezer_.empty()) return {};  // never frozen
  if (const auto box = box_of(freezer_)) return thaw_folder(*box);
  return thaw_folder(freezer_);
}

namespace {

/// Kills what is in a v1 group. By pid, because v1 knows nothing else; a pid read here belongs to the group until it is
/// reaped.
void kill_members(const std::string& folder) {
  const auto text = read_file(folder + "/cgroup.procs", 1 << 20);
  if (!text.has_value()) return;
  for (std::string_view line : split(*text, '\n')) {
    pid_t pid = 0;
    std::from_chars(line.data(), line.data() + line.size(), pid);
    if (pid > 1 && pid != ::getpid()) ::kill(pid, SIGKILL);
  }
}

std::set<std::string> parents_of(const CgroupTree& tree) { return {tree.memory, tree.pids, tree.cpu, tree.freezer}; }

}  // namespace

Result<> remove_cgroup(const CgroupTree& tree, const std::string& name) {
  const std::set<std::string> parents = parents_of(tree);
  Result<> worst;
  for (const std::string& parent : parents) {
    if (parent.empty()) continue;
    const std::string folder = parent + "/brig/" + name;
    if (::access(folder.c_str(), F_OK) != 0) continue;
    if (!write_file(folder + "/cgroup.kill", "1").has_value()) kill_members(folder);
    const std::string box = folder + "/" + kBox;
    if (::access(box.c_str(), F_OK) == 0) (void)remove_folder(box);
    auto removed = remove_folder(folder);
    if (!removed.has_value()) worst = std::move(removed);
  }
  return worst;
}

bool cgroup_is_gone(const CgroupTree& tree, const std::string& name) {
  const std::set<std::string> parents = parents_of(tree);
  return std::ranges::all_of(parents, [&](const std::string& parent) {
    return parent.empty() || ::access((parent + "/brig/" + name).c_str(), F_OK) != 0;
  });
}

std::vector<std::string> cgroup_folders(const CgroupTree& tree) {
  std::vector<std::string> folders;
  for (const std::string& parent : parents_of(tree)) {
    if (!parent.empty() && ::access((parent + "/brig").c_str(), F_OK) == 0) folders.push_back(parent + "/brig");
  }
  return folders;
}

void sweep_cgroups(const CgroupTree& tree, Milliseconds age) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  for (const std::string& path : cgroup_folders(tree)) {
    const std::unique_ptr<DIR, decltype([](DIR* open) { ::closedir(open); })> folder(::opendir(path.c_str()));
    if (folder == nullptr) continue;
    while (const dirent* entry = ::readdir(folder.get())) {  // NOLINT(concurrency-mt-unsafe): one thread, one stream
      if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
      struct stat info = {};
      if (::fstatat(::dirfd(folder.get()), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0) continue;
      if ((now.tv_sec - info.st_mtim.tv_sec) * 1000 < age.count())
        continue;  // perhaps its first process has not joined yet
      (void)::unlinkat(::dirfd(folder.get()), (std::string(entry->d_name) + "/" + kBox).c_str(), AT_REMOVEDIR);
      (void)::unlinkat(::dirfd(folder.get()), entry->d_name, AT_REMOVEDIR);  // refused (EBUSY) while a process is in it
    }
  }
}

}  // namespace brig::sys
