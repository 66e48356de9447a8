#include "runtimes/process/host_report.h"

#include <dirent.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <optional>

#include "runtimes/process/disk_scratch.h"
#include "sys/file.h"
#include "sys/kernel.h"

namespace brig::runtimes::process {
namespace {

/// What programs of /usr need from /etc and what says nothing about the host: links between packages, the linker's
/// cache, fonts, public certificates, number-to-name tables, and of R what its packages install (Renviron.site and
/// Rprofile.site are the administrator's, and stay away).
constexpr std::array<const char*, 13> kEtcEntries{
    "R/Makeconf", "R/Renviron",   "R/ldpaths",  "R/repositories", "alternatives", "fonts",    "ld.so.cache",
    "magic",      "matplotlibrc", "mime.types", "protocols",      "services",     "ssl/certs"};

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

std::vector<HostReport::RootEntry> find_root_entries() {
  std::vector<HostReport::RootEntry> entries;
  for (const char* name : {"bin", "lib", "lib32", "lib64", "libx32", "sbin"}) {
    const std::string path = std::string("/") + name;
    std::array<char, 256> target;
    const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
    struct stat info = {};
    if (length > 0) {
      entries.push_back({name, std::string(target.data(), static_cast<std::size_t>(length))});
    } else if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
      entries.push_back({name, ""});
    }
  }
  return entries;
}

std::vector<std::string> find_etc_entries() {
  std::vector<std::string> found;
  for (const char* name : kEtcEntries) {
    if (::access((std::string("/etc/") + name).c_str(), R_OK) == 0) found.emplace_back(name);
  }
  if (::access("/usr/lib/jvm", F_OK) < 0) return found;
  const Folder folder(::opendir("/etc"));
  if (folder == nullptr) return found;
  while (const dirent* entry = ::readdir(folder.get())) {  // NOLINT(concurrency-mt-unsafe): one thread, one stream
    const std::string_view name = entry->d_name;
    if (name.starts_with("java-") && entry->d_type == DT_DIR)
      found.emplace_back(name);  // /usr/lib/jvm/*/conf points there
  }
  std::ranges::sort(found);
  return found;
}

std::string first_line(const std::string& path) {
  const auto text = sys::read_file(path, 4096);
  if (!text.has_value()) return {};
  return text->substr(0, text->find_first_of(std::string_view("\n\0", 2)));
}

void look_for_user_namespaces(HostReport& report) {
  if (first_line("/proc/sys/user/max_user_namespaces") == "0") {
    report.has_user_namespaces = false;
    report.why_no_user_namespaces = "user.max_user_namespaces is 0: run `sysctl -w user.max_user_namespaces=15000`";
  } else if (!report.is_root && first_line("/proc/sys/kernel/unprivileged_userns_clone") == "0") {
    report.has_user_namespaces = false;
    report.why_no_user_namespaces =
        "kernel.unprivileged_userns_clone is 0: run `sysctl -w kernel.unprivileged_userns_clone=1`, or use sudo";
  }
}

/// All of these, of the first 32.
bool has_capabilities(std::uint32_t needed) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[2] = {};
  return ::syscall(SYS_capget, &header, sets) == 0 && (sets[0].effective & needed) == needed;
}

/// What root needs for mounts of its own making and for other ids; containers take it away.
constexpr std::uint32_t kRootsCapabilities = (1U << CAP_SYS_ADMIN) | (1U << CAP_SETUID) | (1U << CAP_SETGID);

/// Many shells, and sudo, leave 0, which only CAP_SYS_RESOURCE raises again.
std::uint32_t best_core_limit() {
  rlimit core{};
  const bool may_be_one = ::getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max > 0;
  return may_be_one || has_capabilities(1U << CAP_SYS_RESOURCE) ? 1 : 0;
}

/// Whether this process has a supplementary group that is not its own group.
bool has_groups_besides(gid_t own) {
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  return count < 0 || std::ranges::any_of(groups, [own](gid_t group) { return group != own; });
}

/// Root, but not merely in a user namespace that was given few ids, or without capabilities (a container).
bool is_true_root(std::uint32_t uid) {
  const auto has_ids = [](const char* path) {
    return maps_outside_ids(sys::read_file(path, 64 * 1024).value_or(std::string()));
  };
  return uid == 0 && has_capabilities(kRootsCapabilities) && has_ids("/proc/self/uid_map") &&
         has_ids("/proc/self/gid_map");
}

}  // namespace

bool maps_outside_ids(std::string_view map) {
  constexpr std::uint64_t kLast = kFirstOutsideId + (std::uint64_t{1} << 22);  // the kernel's largest pid
  const auto number = [&map] {
    map.remove_prefix(std::min(map.find_first_not_of(' '), map.size()));
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(map.data(), map.data() + map.size(), value);
    map.remove_prefix(static_cast<std::size_t>(end - map.data()));
    return error == std::errc() ? std::optional(value) : std::nullopt;
  };
  while (!map.empty()) {
    const auto inside = number();
    const auto outside = number();
    const auto count = number();
    if (!inside || !outside || !count) return false;
    if (*inside <= kFirstOutsideId && *inside + *count > kLast) return true;
    map.remove_prefix(std::min(map.find('\n'), map.size() - 1) + 1);
  }
  return false;
}

HostReport report_abilities() {
  HostReport report;
  report.uid = ::geteuid();
  report.gid = ::getegid();
  report.is_root = is_true_root(report.uid);
  report.has_extra_groups = !report.is_root && has_groups_besides(report.gid);
  report.core_limit = best_core_limit();
  report.has_core_handler = report.core_limit == 0 && first_line("/proc/sys/kernel/core_pattern").starts_with('|');
  report.landlock_abi = sys::landlock_abi();
  report.has_disk_scratch = report.is_root && may_make_disk_scratch();
  look_for_user_namespaces(report);
  report.cgroups = sys::find_own_cgroup_tree();
  report.kernel = sys::kernel_name();
  return report;
}

void add_files(HostReport& report) {
  report.root_entries = find_root_entries();
  report.etc_entries = find_etc_entries();
  report.processors = static_cast<std::uint32_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
}

}  // namespace brig::runtimes::process
