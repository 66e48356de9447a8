#include "attack/outside.h"

#include <dirent.h>

#include <array>
#include <cctype>
#include <functional>
#include <memory>
#include <set>

#include "base/text.h"
#include "sys/file.h"

namespace brig::attack {
namespace {

constexpr std::array kWatched{
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/domainname",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/poweroff_cmd",
    "/proc/sys/kernel/randomize_va_space",
    "/proc/sys/kernel/kptr_restrict",
    "/proc/sys/kernel/dmesg_restrict",
    "/proc/sys/kernel/unprivileged_bpf_disabled",
    "/proc/sys/kernel/perf_event_paranoid",
    "/proc/sys/kernel/sysrq",
    "/proc/sys/kernel/panic",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/vm/panic_on_oom",
    "/proc/sys/fs/protected_symlinks",
    "/proc/sys/fs/suid_dumpable",
    "/proc/sys/net/ipv4/ip_forward",
    "/sys/kernel/uevent_helper",
    "/proc/swaps",
    "/proc/self/mountinfo",
};

constexpr std::array kFiles{
    "/etc/passwd",  "/etc/group",   "/etc/shadow",  "/etc/hosts",    "/etc/resolv.conf",
    "/etc/crontab", "/etc/sudoers", "/etc/profile", "/root/.bashrc", "/root/.ssh/authorized_keys"};
constexpr std::array kFolders{"/",     "/etc", "/usr", "/usr/bin",   "/usr/local/bin",
                              "/home", "/app", "/opt", "/etc/cron.d"};

constexpr std::size_t kLimit = 1 << 20;

}  // namespace

HostState read_host_state() {
  HostState state;
  for (const char* path : kWatched) state[path] = sys::read_file(path, kLimit).value_or("");
  return state;
}

HostState read_host_files() {
  HostState state;
  for (const char* path : kFiles) {
    const auto text = sys::read_file(path, kLimit);
    state[path] = text.has_value() ? "hash " + std::to_string(std::hash<std::string>{}(*text)) : "unreadable";
  }
  for (const char* path : kFolders) {
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path), ::closedir);
    std::set<std::string> names;
    while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr)
      names.insert(static_cast<const char*>(entry->d_name));
    for (const std::string& name : names) state[path] += name + " ";
  }
  return state;
}

std::vector<std::string> changes(const HostState& before, const HostState& after) {
  std::vector<std::string> found;
  for (const auto& [path, text] : before) {
    const auto now = after.find(path);
    if (now == after.end() || now->second != text) {
      found.push_back(path + " changed from " + printable(text, 60) + " to " +
                      (now == after.end() ? "nothing" : printable(now->second, 60)));
    }
  }
  return found;
}

std::vector<std::string> processes_named(const std::string& name) {
  std::vector<std::string> pids;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir("/proc"), ::closedir);
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    const std::string pid = static_cast<const char*>(entry->d_name);
    if (std::isdigit(static_cast<unsigned char>(pid[0])) == 0) continue;
    if (sys::read_file("/proc/" + pid + "/comm", 64).value_or("") == name + "\n") pids.push_back(pid);
  }
  return pids;
}

}  // namespace brig::attack
