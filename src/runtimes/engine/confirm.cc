#include "runtimes/engine/confirm.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "runtimes/process/compile.h"
#include "sys/file.h"

namespace brig::runtimes::engine {
namespace {

using process::differs;

std::string_view next_part(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

std::uint64_t device_of(std::string_view text) {
  unsigned major = 0;
  unsigned minor = 0;
  const std::string_view first = next_part(text, ':');
  std::from_chars(first.data(), first.data() + first.size(), major);
  std::from_chars(text.data(), text.data() + text.size(), minor);
  return makedev(major, minor);
}

bool has_option(std::string_view options, std::string_view wanted) {
  while (!options.empty()) {
    if (next_part(options, ',') == wanted) return true;
  }
  return false;
}

/// "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw": what is after the dash is the file system's.
std::optional<Mounted> mount_of(std::string_view line) {
  const std::size_t dash = line.find(" - ");
  if (dash == std::string_view::npos) return {};
  std::string_view after = line.substr(dash + 3);
  line = line.substr(0, dash);
  next_part(line, ' ');
  next_part(line, ' ');
  Mounted mount;
  mount.device = device_of(next_part(line, ' '));
  next_part(line, ' ');
  mount.path = next_part(line, ' ');
  mount.is_read_only = has_option(next_part(line, ' '), "ro");
  mount.type = next_part(after, ' ');
  return mount;
}

const Mounted* find(const std::vector<Mounted>& mounts, std::string_view path) {
  const auto found = std::find_if(mounts.rbegin(), mounts.rend(), [&](const Mounted& m) { return m.path == path; });
  return found == mounts.rend() ? nullptr : &*found;
}

/// Without a user namespace inside and outside are the same; with one, outside is whatever the engine maps.
Result<> confirm_identity(const process::ProcessStatus& status, bool has_user_namespace) {
  const auto are_all = [&](const auto& ids, std::uint32_t id) {
    return ids.has_value() && ids->size() == 4 && std::ranges::all_of(*ids, [&](std::uint32_t one) {
             return has_user_namespace ? one == ids->front() && one != 0 : one == id;
           });
  };
  if (!are_all(status.uids, process::kInsideUid)) return differs("it runs as another user");
  if (!are_all(status.gids, process::kInsideGid)) return differs("it runs in another group");
  // Engines name the group once more; one that is not its own would be a right.
  const bool is_alone =
      status.groups.has_value() && status.gids.has_value() &&
      std::ranges::all_of(*status.groups, [&](std::uint32_t id) { return id == status.gids->front(); });
  if (!is_alone) return differs("it has supplementary groups");
  return {};
}

Result<> confirm_namespaces(const std::vector<std::string>& own, const Expected& expected) {
  for (const std::string_view needed : {"cgroup", "ipc", "mnt", "net", "pid", "uts"}) {
    if (needed == "cgroup" && !expected.has_cgroup_namespace) continue;
    if (std::ranges::find(own, needed) == own.end())
      return differs("it shares the host's namespace " + std::string(needed));
  }
  return {};
}

/// That it is our program, and not one that lay where the engine looked.
Result<> confirm_program(const std::string& proc, const std::string& init) {
  struct stat running = {};
  struct stat ours = {};
  if (::stat((proc + "/exe").c_str(), &running) < 0) return Error::last_system("look at the container's program");
  if (::stat(init.c_str(), &ours) < 0) return Error::last_system("look at " + init);
  if (running.st_dev != ours.st_dev || running.st_ino != ours.st_ino)
    return differs("it runs another program than ours");
  return {};
}

}  // namespace

bool has_cgroup_namespace(const About& about, const process::HostReport& host) {
  return !about.is_podman || host.cgroups.version == sys::CgroupVersion::kV2;
}

bool names_container(std::string_view cgroup, std::string_view id) {
  return id.size() == 64 && cgroup.find(id) != std::string_view::npos;
}

std::vector<Mounted> read_mounts(std::string_view mountinfo) {
  std::vector<Mounted> mounts;
  while (!mountinfo.empty()) {
    if (auto mount = mount_of(next_part(mountinfo, '\n'))) mounts.push_back(*std::move(mount));
  }
  return mounts;
}

Result<> confirm_mounts(const std::vector<Mounted>& mounts, const Expected& expected) {
  const Mounted* const root = find(mounts, "/");
  if (root == nullptr || !root->is_read_only) return differs("the root file system can be written");
  for (const std::string& path : expected.masked) {
    if (find(mounts, path) == nullptr) return differs(path + " is not covered");
  }
  for (const std::string& path : expected.writable) {
    const Mounted* const mount = find(mounts, path);
    const bool is_scratch = mount != nullptr && mount->type == "tmpfs" &&
                            (expected.scratch_device == 0 || mount->device == expected.scratch_device);
    if (!is_scratch) return differs(path + " is not the scratch that was made for it");
  }
  for (const char* path : {"/usr", "/proc/sys"}) {
    const Mounted* const mount = find(mounts, path);
    if (mount == nullptr || !mount->is_read_only) return differs(std::string(path) + " can be written");
  }
  return {};
}

Result<> confirm_network(std::string_view devices) {
  while (!devices.empty()) {
    std::string_view line = next_part(devices, '\n');
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;  // the two lines above the table
    std::string_view name = line.substr(0, colon);
    name.remove_prefix(std::min(name.find_first_not_of(' '), name.size()));
    if (name != "lo") return differs("it has a network device");
  }
  return {};
}

Result<runtime::Attestation> confirm(const Expected& expected, const process::HostReport& host,
                                     const sys::CgroupLimits& asked, const sys::Cgroup& group) {
  const std::string proc = "/proc/" + std::to_string(expected.pid);
  runtime::Attestation a;
  a.runtime = expected.runtime;
  a.boundary = policy::Boundary::kSharedKernel;
  a.kernel = host.kernel;
  auto outside = TRY(process::read_outside(asked, host, &group));
  if (expected.may_look) {
    a.namespaces = TRY(process::own_namespaces(expected.pid, outside));
    TRY(confirm_namespaces(a.namespaces, expected));
    TRY(confirm_program(proc, expected.init));
  }
  a.cgroup = std::move(outside.cgroup);
  const auto status = process::parse_status(TRY(sys::read_file(proc + "/status", 16384)));
  TRY(confirm_identity(status, expected.has_user_namespace));
  a.user_mapping = process::mapping_text(TRY(sys::read_file(proc + "/uid_map", 4096)));
  a.capabilities = TRY(process::confirm_capabilities(status, {}));
  a.no_new_privs = status.no_new_privs == 1;
  if (!a.no_new_privs) return differs("new privileges are possible");
  if (status.seccomp_mode != 2) return differs("no system-call filter is installed");
  a.seccomp = {.profile_hash = process::seccomp_program().hash,
               .default_action = "errno ENOSYS",
               .allowed = process::seccomp_program().allowed,
               .filters = static_cast<std::uint32_t>(std::max(status.seccomp_filters, 1))};
  a.landlock = {.abi = host.landlock_abi, .rules = expected.landlock_rules};
  TRY(confirm_mounts(read_mounts(TRY(sys::read_file(proc + "/mountinfo", std::size_t{1} << 20))), expected));
  TRY(confirm_network(TRY(sys::read_file(proc + "/net/dev", std::size_t{64} << 10))));
  a.rootfs = {.is_read_only = true, .image = "host", .format = "host"};
  const auto label = sys::read_file(proc + "/attr/current", 4096);
  if (label.has_value()) a.lsm_label = label->substr(0, label->find_first_of(std::string_view("\n\0", 2)));
  a.network = "none";
  return a;
}

}  // namespace brig::runtimes::engine
