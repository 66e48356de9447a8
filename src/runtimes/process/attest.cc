#include "runtimes/process/attest.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "runtimes/process/compile.h"
#include "sys/file.h"

namespace brig::runtimes::process {
Error differs(std::string_view what) {
  return Error(Code::kInternal, "the kernel does not confirm the sandbox: " + std::string(what));
}

namespace {

std::string_view next_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

int to_int(std::string_view text) {
  int number = -1;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

/// Numbers between blanks; none if there is anything else.
std::optional<std::vector<std::uint32_t>> to_ids(std::string_view text) {
  std::vector<std::uint32_t> ids;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    if (text.empty()) return ids;
    std::uint32_t id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (error != std::errc()) return {};
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    ids.push_back(id);
  }
}

std::string without_leading_zeros(std::string_view hex) {
  const std::size_t first = hex.find_first_not_of('0');
  return first == std::string_view::npos ? "0" : std::string(hex.substr(first));
}

}  // namespace

ProcessStatus parse_status(std::string_view text) {
  constexpr std::array<std::string_view, 5> kSets{"CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"};
  ProcessStatus status;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos) continue;
    const std::string_view key = line.substr(0, tab);
    const std::string_view value = line.substr(tab + 1);
    for (std::size_t i = 0; i < kSets.size(); ++i) {
      if (key == kSets[i]) status.capabilities[i] = without_leading_zeros(value);
    }
    if (key == "NoNewPrivs:") status.no_new_privs = to_int(value);
    if (key == "Seccomp:") status.seccomp_mode = to_int(value);
    if (key == "Seccomp_filters:") status.seccomp_filters = to_int(value);
    if (key == "Uid:") status.uids = to_ids(value);
    if (key == "Gid:") status.gids = to_ids(value);
    if (key == "Groups:") status.groups = to_ids(value);
  }
  return status;
}

namespace {

constexpr std::array<const char*, 7> kNamespaces{"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"};

Result<std::uint64_t> namespace_of(const std::string& proc, const char* name) {
  const std::string link = proc + "/ns/" + name;
  struct stat info = {};
  if (::stat(link.c_str(), &info) < 0) return Error::last_system("read " + link);
  return info.st_ino;
}

/// Seen from outside through the process's own root: what can be written there is decided by this mount.
Result<bool> is_root_read_only(const std::string& proc) {
  struct statvfs info = {};
  if (::statvfs((proc + "/root/").c_str(), &info) < 0) return Error::last_system("look at the root file system");
  return (info.f_flag & ST_RDONLY) != 0;
}

bool are_all(const std::optional<std::vector<std::uint32_t>>& ids, std::uint32_t id) {
  return ids.has_value() && ids->size() == 4 && std::ranges::all_of(*ids, [id](std::uint32_t i) { return i == id; });
}

Result<runtime::Attestation::Cgroup> read_limits(const sys::CgroupLimits& asked, const HostReport& host,
                                                 const sys::Cgroup* cgroup) {
  runtime::Attestation::Cgroup read;
  read.version = std::string(sys::to_string(host.cgroups.version));
  if (cgroup == nullptr) {
    read.version = "none";
    return read;
  }
  const sys::CgroupLimits limits = TRY(cgroup->read_limits());
  read.memory_bytes = limits.memory.count;
  read.pids = limits.pids;
  read.cpu_millis = limits.cpu_millis;
  // The kernel rounds memory down to whole pages; more than asked would be a hole.
  if (limits.memory > asked.memory) return differs("the memory limit is higher than asked");
  if (limits.pids != asked.pids) return differs("the process limit is not the one asked for");
  if (limits.cpu_millis > asked.cpu_millis) return differs("the processor limit is higher than asked");
  return read;
}

}  // namespace

std::string mapping_text(std::string_view map) {
  std::string text;
  while (!map.empty() && text.size() < 200) {
    std::string_view line = next_line(map);
    std::array<std::string_view, 3> fields;
    for (std::string_view& field : fields) {
      line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
      field = line.substr(0, line.find(' '));
      line.remove_prefix(field.size());
    }
    text += (text.empty() ? "" : ", ") + std::string(fields[0]) + " -> " + std::string(fields[1]);
    if (fields[2] != "1") text += " (" + std::string(fields[2]) + " ids)";
  }
  return text;
}

Result<> confirm_identity(const ProcessStatus& status, std::string_view uid_map, std::string_view gid_map,
                          const Expectation& expectation) {
  const auto mapping = [&](std::uint32_t inside, std::uint32_t outside) {
    if (expectation.is_builder) return "0 -> " + std::to_string(outside) + " (" + std::to_string(kBuilderIds) + " ids)";
    const std::string own = std::to_string(inside) + " -> " + std::to_string(outside);
    return expectation.zero.has_value() ? "0 -> " + std::to_string(*expectation.zero) + ", " + own : own;
  };
  const std::string users = mapping_text(uid_map);
  if (users != mapping(kInsideUid, expectation.outside_uid)) return differs("the user mapping is " + users);
  const std::string groups = mapping_text(gid_map);
  if (groups != mapping(kInsideGid, expectation.outside_gid)) return differs("the group mapping is " + groups);
  if (!are_all(status.uids, expectation.outside_uid)) return differs("it runs as another user");
  if (!are_all(status.gids, expectation.outside_gid)) return differs("it runs in another group");
  if (!status.groups.has_value() || !std::ranges::is_permutation(*status.groups, expectation.groups))
    return differs("its supplementary groups are not those that were planned");
  return {};
}

Result<std::string> confirm_capabilities(const ProcessStatus& status, const Expectation& expectation) {
  std::array<char, 17> kept{"0"};
  if (expectation.is_builder) std::to_chars(kept.begin(), kept.end() - 1, kBuilderCapabilities, 16);
  const std::string bounding(kept.data());
  const std::array<std::string, 5> meant{"0", bounding, bounding, bounding, "0"};  // as in ProcessStatus
  for (std::size_t i = 0; i < meant.size(); ++i) {
    if (status.capabilities[i] != meant[i]) return differs("a capability is left: " + status.capabilities[i]);
  }
  return expectation.is_builder ? bounding : std::string("none");
}

Result<Outside> read_outside(const sys::CgroupLimits& asked, const HostReport& host, const sys::Cgroup* cgroup) {
  Outside outside;
  for (std::size_t i = 0; i < kNamespaces.size(); ++i)
    outside.namespaces[i] = TRY(namespace_of("/proc/self", kNamespaces[i]));
  outside.cgroup = TRY(read_limits(asked, host, cgroup));
  return outside;
}

Result<std::vector<std::string>> own_namespaces(int pid, const Outside& outside) {
  std::vector<std::string> own;
  for (std::size_t i = 0; i < kNamespaces.size(); ++i) {
    if (TRY(namespace_of("/proc/" + std::to_string(pid), kNamespaces[i])) != outside.namespaces[i])
      own.emplace_back(kNamespaces[i]);
  }
  return own;
}

Result<runtime::Attestation> attest(int pid, const HostReport& host, Outside outside, const Expectation& expectation) {
  const std::string proc = "/proc/" + std::to_string(pid);
  runtime::Attestation a;
  a.runtime = expectation.runtime;
  a.boundary = policy::Boundary::kSharedKernel;
  a.kernel = host.kernel;
  a.namespaces = TRY(own_namespaces(pid, outside));
  if (a.namespaces.size() != kNamespaces.size()) return differs("a namespace is shared with the host");

  const std::string uid_map = TRY(sys::read_file(proc + "/uid_map", 4096));
  const std::string gid_map = TRY(sys::read_file(proc + "/gid_map", 4096));
  const ProcessStatus status = parse_status(TRY(sys::read_file(proc + "/status", 16384)));
  TRY(confirm_identity(status, uid_map, gid_map, expectation));
  a.user_mapping = mapping_text(uid_map);
  a.capabilities = TRY(confirm_capabilities(status, expectation));
  a.no_new_privs = status.no_new_privs == 1;
  if (!a.no_new_privs) return differs("new privileges are possible");
  if (status.seccomp_mode != 2) return differs("no system-call filter is installed");
  a.seccomp.profile_hash = seccomp_program().hash;
  a.seccomp.default_action = "errno ENOSYS";
  a.seccomp.allowed = seccomp_program().allowed;
  a.seccomp.filters = static_cast<std::uint32_t>(std::max(status.seccomp_filters, 1));
  a.landlock.abi = host.landlock_abi;
  a.landlock.rules = expectation.landlock_rules;

  a.rootfs.is_read_only = TRY(is_root_read_only(proc));
  if (!a.rootfs.is_read_only && !expectation.is_builder) return differs("the root file system can be written");
  a.rootfs.format = expectation.image.empty() ? "host" : expectation.format;
  a.rootfs.image = expectation.image.empty() ? "host" : "sha256:" + expectation.image;
  const auto label = sys::read_file(proc + "/attr/current", 4096);
  if (label.has_value()) a.lsm_label = label->substr(0, label->find_first_of(std::string_view("\n\0", 2)));
  a.network = "none";
  a.cgroup = std::move(outside.cgroup);
  return a;
}

}  // namespace brig::runtimes::process
