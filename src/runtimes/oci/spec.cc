#include "runtimes/oci/spec.h"

#include <algorithm>
#include <array>
#include <initializer_list>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "json/json.h"
#include "runtimes/process/compile.h"

namespace brig::runtimes::oci {
namespace {

using boost::json::array;
using boost::json::object;
using process::Wall;

object process_of(const SpecInput& input) {
  object capabilities;
  for (const char* set : {"bounding", "effective", "inheritable", "permitted", "ambient"}) capabilities[set] = array();
  // The kernel wants to see this in who maps the runtime's uid 0 (user_namespaces(7)), and brig-init loses it by that.
  if (input.is_rootless)
    for (const char* set : {"bounding", "effective", "permitted"}) capabilities[set] = array{"CAP_SETFCAP"};
  // What the plan sets is stricter or the same; these hold from the first instruction. The others would bind the
  // runtime's own first process, which is none of the guest's.
  array limits;
  const auto limit = [&](const char* name, std::uint64_t value) {
    limits.push_back(object{{"type", name}, {"soft", value}, {"hard", value}});
  };
  limit("RLIMIT_MSGQUEUE", 0);
  limit("RLIMIT_SIGPENDING", 1024);
  limit("RLIMIT_RTPRIO", 0);
  limit("RLIMIT_NICE", 0);
  return {{"terminal", false},
          {"user", object{{"uid", input.is_rootless ? 0 : process::kInsideUid},
                          {"gid", input.is_rootless ? 0 : process::kInsideGid}}},
          {"args", array{kInitInside, input.is_rootless ? "identity" : "inside"}},
          {"env", array()},
          {"cwd", "/"},
          {"capabilities", std::move(capabilities)},
          {"rlimits", std::move(limits)},
          {"noNewPrivileges", true}};
}

object mount_of(std::string_view to, std::string_view type, std::string_view from,
                std::initializer_list<boost::json::string_view> options) {
  array list;
  for (const auto option : options) list.push_back(boost::json::value(option));
  return {{"destination", to}, {"type", type}, {"source", from}, {"options", std::move(list)}};
}

/// A folder of the root once more, as a mount of its own.
object mount_of_root(const std::string& path, bool is_writable) {
  return mount_of(path, "bind", std::string(kRootFolder) + path,
                  {"rbind", is_writable ? "rw" : "ro", "nosuid", "nodev"});
}

bool is_below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && path.size() > folder.size() && path[folder.size()] == '/';
}

/// What lies in our /dev as mounts of its own, once more: crun leaves it out of a bind of the folder, recursive or not
/// (1.8.1, in a user namespace).
void add_devices(array& list, const SpecInput& input) {
  for (const char* name : {"full", "null", "random", "tty", "urandom", "zero"}) {
    const std::string path = std::string("/dev/") + name;
    list.push_back(mount_of(path, "bind", std::string(kRootFolder) + path, {"bind", "nosuid", "noexec"}));
  }
  list.push_back(mount_of_root("/dev/shm", true));
  if (input.mounts == nullptr) return;
  for (const process::LaunchMount& mount : *input.mounts) {
    const std::string path = "/" + mount.path;
    if (is_below(path, "/dev") && !is_below(path, "/dev/shm")) list.push_back(mount_of_root(path, mount.is_writable));
  }
}

/// The kernel's own: /proc, terminals. /dev is ours: without a mount of it the runtime would make devices itself.
array mounts_of_container(const SpecInput& input) {
  array list{mount_of("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}),
             mount_of("/proc/stat", "bind", std::string(kRootFolder) + "/dev/.stat",
                      {"bind", "ro", "nosuid", "noexec", "nodev"}),
             mount_of("/dev", "bind", std::string(kRootFolder) + "/dev",
                      {"rbind", "ro", "nosuid", "noexec", "nodev"})};  // of the folder; the devices in it are mounts
  if (input.is_crun) add_devices(list, input);
  list.push_back(mount_of("/dev/pts", "devpts", "devpts",
                          {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0600", "max=64"}));
  return list;
}

/// gVisor has /proc, /dev and terminals of its own, and shows the root read-only with all that is in it: what can be
/// written, and what lies where it puts something of its own, is a mount.
array mounts_of_gvisor(const SpecInput& input) {
  constexpr std::array<std::string_view, 4> kScratch{"/dev/shm", "/home/user", "/tmp", "/workspace"};
  array list{mount_of("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"})};
  for (const std::string_view path : kScratch) list.push_back(mount_of_root(std::string(path), true));
  if (input.mounts == nullptr) return list;
  for (const process::LaunchMount& mount : *input.mounts) {
    const std::string path = "/" + mount.path;
    const bool is_shown =
        std::ranges::any_of(kScratch, [&](std::string_view folder) { return is_below(path, folder); });
    if (!is_shown && (mount.is_writable || is_below(path, "/dev")))
      list.push_back(mount_of_root(path, mount.is_writable));
  }
  return list;
}

array ids(const SpecInput& input, std::uint32_t inside) {
  const auto range = [](std::uint32_t from, std::uint32_t to) {
    return object{{"containerID", from}, {"hostID", to}, {"size", 1}};
  };
  if (input.is_rootless) return {range(0, 0)};  // the nanny's own, which is the caller
  return {range(0, input.zero), range(inside, input.user)};
}

/// Devices that the group's own filter lets through; what lies in /dev is these.
array devices() {
  array list{object{{"allow", false}, {"access", "rwm"}}};
  const auto allow = [&](int major, int minor) {
    object device{{"allow", true}, {"type", "c"}, {"major", major}, {"access", "rw"}};
    if (minor >= 0) device["minor"] = minor;
    list.push_back(std::move(device));
  };
  for (const int minor : {3, 5, 7, 8, 9}) allow(1, minor);  // null zero full random urandom
  allow(5, 0);                                              // tty
  allow(5, 2);                                              // ptmx
  allow(136, -1);                                           // terminals
  return list;
}

/// Without root a group's filter cannot be had, and crun 1.8 raises the limit of locked memory for it, which not every
/// root may do. No device that can be opened is another anyway: mounts let none be, and none can be made.
bool may_filter_devices(const SpecInput& input) { return !input.is_rootless && !input.is_crun; }

/// The process wall's filter, in front of the one that brig-init installs.
Result<boost::json::value> seccomp_of(const SpecInput& input) {
  boost::json::value seccomp = TRY(json::parse(process::oci_seccomp()));
  if (!input.is_rootless) return seccomp;
  const boost::json::value more = TRY(json::parse(process::oci_seccomp_identity()));
  array& calls = seccomp.as_object().at("syscalls").as_array();
  calls.insert(calls.end(), more.as_array().begin(), more.as_array().end());
  return seccomp;
}

Result<object> linux_of(const SpecInput& input) {
  array namespaces;
  for (const char* type : {"pid", "network", "ipc", "uts", "mount", "cgroup", "user"}) {
    // gVisor has no cgroup namespace to make: its program is in one group with what watches it.
    if (input.wall == Wall::kRunsc && std::string_view(type) == "cgroup") continue;
    namespaces.push_back(object{{"type", type}});
  }
  object made{{"namespaces", std::move(namespaces)},
              {"uidMappings", ids(input, process::kInsideUid)},
              {"gidMappings", ids(input, process::kInsideGid)}};
  if (input.wall == Wall::kRunsc) return made;
  made["seccomp"] = TRY(seccomp_of(input));
  array masked;
  for (const std::string& name : input.covered) masked.push_back(boost::json::value("/proc/" + name));
  masked.push_back("/proc/sys/kernel/random/boot_id");
  made["maskedPaths"] = std::move(masked);
  made["readonlyPaths"] = array{"/proc/sys"};
  if (may_filter_devices(input)) made["resources"] = object{{"devices", devices()}};
  if (!input.cgroup.empty()) made["cgroupsPath"] = input.cgroup;
  return made;
}

}  // namespace

Result<std::string> make_spec(const SpecInput& input) {
  const bool is_gvisor = input.wall == Wall::kRunsc;
  const object spec{{"ociVersion", "1.0.2"},
                    {"process", process_of(input)},
                    {"root", object{{"path", kRootFolder}, {"readonly", true}}},
                    {"hostname", "brig"},
                    {"mounts", is_gvisor ? mounts_of_gvisor(input) : mounts_of_container(input)},
                    {"linux", TRY(linux_of(input))}};
  return json::write(spec);
}

}  // namespace brig::runtimes::oci
