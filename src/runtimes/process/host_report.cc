#include "runtimes/process/host_report.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>

#include "sys/file.h"
#include "sys/kernel.h"

namespace brig::runtimes::process {
namespace {

/// What programs of /usr need from /etc and what says nothing about the host: links between packages, the linker's cache, fonts,
/// public certificates, number-to-name tables.
constexpr std::array<const char*, 9> kEtcEntries{"alternatives", "fonts",     "ld.so.cache", "magic",    "matplotlibrc",
                                                 "mime.types",   "protocols", "services",    "ssl/certs"};

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
  const Folder folder(::opendir("/etc"));
  if (folder == nullptr) return found;
  while (const dirent* entry = ::readdir(folder.get())) {  // NOLINT(concurrency-mt-unsafe): one thread, one stream
    const std::string_view name = entry->d_name;
    if (name.starts_with("java-") && entry->d_type == DT_DIR) found.emplace_back(name);  // /usr/lib/jvm/*/conf points there
  }
  std::ranges::sort(found);
  return found;
}

std::vector<HostReport::ProcEntry> find_proc_entries() {
  std::vector<HostReport::ProcEntry> found;
  const Folder folder(::opendir("/proc"));
  if (folder == nullptr) return found;
  while (const dirent* entry = ::readdir(folder.get())) {  // NOLINT(concurrency-mt-unsafe): one thread, one stream
    const std::string_view name = entry->d_name;
    if (name.front() == '.' || (name.front() >= '0' && name.front() <= '9') || entry->d_type == DT_LNK) continue;
    struct stat info = {};
    if (::fstatat(::dirfd(folder.get()), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0) continue;
    if ((info.st_mode & S_IROTH) == 0) continue;  // root's only: the sandbox's user cannot open it
    found.push_back({std::string(name), S_ISDIR(info.st_mode)});
  }
  std::ranges::sort(found, {}, &HostReport::ProcEntry::name);
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

}  // namespace

HostReport report_abilities() {
  HostReport report;
  report.uid = ::geteuid();
  report.gid = ::getegid();
  report.is_root = report.uid == 0;
  report.has_extra_groups = !report.is_root && ::getgroups(0, nullptr) > 1;
  report.landlock_abi = sys::landlock_abi();
  look_for_user_namespaces(report);
  report.cgroups = sys::find_own_cgroup_tree();
  report.kernel = sys::kernel_name();
  return report;
}

void add_files(HostReport& report) {
  report.lsm = first_line("/proc/self/attr/current");
  report.root_entries = find_root_entries();
  report.etc_entries = find_etc_entries();
  report.proc_entries = find_proc_entries();
}

}  // namespace brig::runtimes::process
