#include "runtimes/process/attest.h"

#include <sys/stat.h>

#include <array>
#include <charconv>

#include "runtimes/process/compile.h"
#include "sys/file.h"

namespace brig::runtimes::process {
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
  }
  return status;
}

bool is_root_read_only(std::string_view mountinfo) {
  while (!mountinfo.empty()) {
    std::string_view line = next_line(mountinfo);
    // Fields: id, parent, device, root, mount point, options (proc(5)).
    std::array<std::string_view, 6> fields;
    for (std::string_view& field : fields) {
      const std::size_t end = std::min(line.find(' '), line.size());
      field = line.substr(0, end);
      line.remove_prefix(std::min(end + 1, line.size()));
    }
    if (fields[4] == "/") return fields[5] == "ro" || fields[5].starts_with("ro,");
  }
  return false;
}

namespace {

Error differs(std::string_view what) {
  return Error(Code::kInternal, "the kernel does not confirm the sandbox: " + std::string(what));
}

/// The namespaces of `pid` that are not ours.
Result<std::vector<std::string>> own_namespaces(const std::string& proc) {
  std::vector<std::string> names;
  for (const char* name : {"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"}) {
    struct stat theirs = {};
    struct stat ours = {};
    const std::string link = std::string("/ns/") + name;
    if (::stat((proc + link).c_str(), &theirs) < 0) return Error::last_system("read " + proc + link);
    if (::stat(("/proc/self" + link).c_str(), &ours) < 0) return Error::last_system("read /proc/self" + link);
    if (theirs.st_ino != ours.st_ino) names.emplace_back(name);
  }
  return names;
}

/// "1000 -> 1879048193" from the single line of a uid_map or gid_map.
std::string mapping_text(std::string_view map) {
  std::array<std::string, 3> fields;
  std::size_t field = 0;
  for (char c : map) {
    if (c == '\n') break;
    if (c == ' ') {
      if (field < fields.size() && !fields[field].empty()) ++field;
    } else if (field < fields.size()) {
      fields[field] += c;
    }
  }
  if (fields[2] != "1" || map.find('\n') != map.size() - 1)
    return "more than one id: " + std::string(map.substr(0, 80));
  return fields[0] + " -> " + fields[1];
}

Result<> read_limits(runtime::Attestation& a, const LaunchRequest& request, const HostReport& host,
                     const sys::Cgroup* cgroup) {
  a.cgroup.version = std::string(sys::to_string(host.cgroups.version));
  if (cgroup == nullptr) {
    a.cgroup.version = "none";
    return {};
  }
  const sys::CgroupLimits limits = TRY(cgroup->read_limits());
  a.cgroup.memory_bytes = limits.memory.count;
  a.cgroup.pids = limits.pids;
  a.cgroup.cpu_millis = limits.cpu_millis;
  // The kernel rounds memory down to whole pages; more than asked would be a hole.
  if (limits.memory > request.memory) return differs("the memory limit is higher than asked");
  if (limits.pids != request.pids) return differs("the process limit is not the one asked for");
  if (limits.cpu_millis > request.cpu_millis) return differs("the processor limit is higher than asked");
  return {};
}

}  // namespace

Result<runtime::Attestation> attest(int pid, const LaunchRequest& request, const HostReport& host,
                                    const sys::Cgroup* cgroup, const Expectation& expectation) {
  const std::string proc = "/proc/" + std::to_string(pid);
  runtime::Attestation a;
  a.runtime = "process";
  a.boundary = policy::Boundary::kSharedKernel;
  a.kernel = host.kernel;
  a.namespaces = TRY(own_namespaces(proc));
  if (a.namespaces.size() != 7) return differs("a namespace is shared with the host");

  const std::string expected = std::to_string(kInsideUid) + " -> " + std::to_string(expectation.outside_uid);
  a.user_mapping = mapping_text(TRY(sys::read_file(proc + "/uid_map", 4096)));
  if (a.user_mapping != expected) return differs("the user mapping is " + a.user_mapping);

  const ProcessStatus status = parse_status(TRY(sys::read_file(proc + "/status", 16384)));
  a.capabilities = "none";
  for (const std::string& set : status.capabilities) {
    if (set != "0") return differs("a capability is left: " + set);
  }
  a.no_new_privs = status.no_new_privs == 1;
  if (!a.no_new_privs) return differs("new privileges are possible");
  if (status.seccomp_mode != 2) return differs("no system-call filter is installed");
  a.seccomp.profile_hash = seccomp_program().hash;
  a.seccomp.default_action = "errno ENOSYS";
  a.seccomp.allowed = seccomp_program().allowed;
  a.seccomp.filters = static_cast<std::uint32_t>(std::max(status.seccomp_filters, 1));
  a.landlock.abi = host.landlock_abi;
  a.landlock.rules = expectation.landlock_rules;

  a.rootfs.is_read_only = is_root_read_only(TRY(sys::read_file(proc + "/mountinfo", 1 << 20)));
  if (!a.rootfs.is_read_only) return differs("the root file system can be written");
  a.rootfs.image = "host";
  const auto label = sys::read_file(proc + "/attr/current", 4096);
  if (label.has_value()) a.lsm_label = label->substr(0, label->find_first_of(std::string_view("\n\0", 2)));
  a.network = "none";
  TRY(read_limits(a, request, host, cgroup));
  return a;
}

}  // namespace brig::runtimes::process
