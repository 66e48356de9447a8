#include "runtimes/oci/probe.h"

#include <unistd.h>

#include <algorithm>

#include "runtimes/oci/program.h"
#include "runtimes/oci/release.h"
#include "runtimes/process/compile.h"

namespace brig::runtimes::oci {
namespace {

using process::HostReport;
using runtime::Finding;
using State = Finding::State;

/// What ordinary programs stumble over behind the wall that this program makes. Asked where it can be built at all.
std::string breaks_of(Wall wall, const HostReport& host, const Result<Program>& used) {
  if (wall != Wall::kRunsc || !host.is_root || !used) return {};
  return breaks_in(release_of(*used));
}

Finding used_finding(const Program& program, const std::string& breaks) {
  if (breaks.empty()) return {State::kGood, program.name, program.path, ""};
  return {State::kWeak, program.name, program.path + ": " + breaks,
          "install a newer gVisor: https://gvisor.dev/docs/user_guide/install/"};
}

/// The runtime that makes the wall, and of those that could, why the others do not.
std::vector<Finding> program_findings(Wall wall, const Result<Program>& used, const std::string& breaks) {
  std::vector<Finding> findings;
  for (const std::string_view candidate : program_names(wall)) {
    const std::string name(candidate);
    const auto program = find_program(name);
    if (used.has_value() && used->name == name) {
      findings.push_back(used_finding(*used, breaks));
    } else if (used.has_value()) {
      const std::string why = program.has_value() ? program->path + ", not used: " : "not installed, not needed: ";
      findings.push_back({State::kGood, name, why + used->name + " makes the sandboxes", ""});
    } else if (!program.has_value()) {
      const bool is_there = program.error().code() == Code::kDenied;
      findings.push_back({State::kMissing, name, program.error().message(), is_there ? "" : "apt-get install " + name});
      break;  // the first is the one to mend
    }
  }
  return findings;
}

Finding root_finding(Wall wall, const HostReport& host) {
  if (host.is_root) return {State::kGood, "root", "a user of its own outside for every sandbox", ""};
  if (wall == Wall::kRunc) return {State::kGood, "root", "not needed: made in a user namespace of your own", ""};
  return {State::kMissing, "root", "runsc is run by root only", "run brig with sudo"};
}

/// Without root no group has to be made; what is not limited then is among the weaknesses.
Finding rootless_cgroup_finding(const HostReport& host) {
  const std::string version(sys::to_string(host.cgroups.version));
  const auto used = find_runtime(Wall::kRunc);
  if (host.cgroups.version == sys::CgroupVersion::kNone && used.has_value() && used->name != kCrun) {
    return {State::kMissing, "cgroups", "no cgroup file system is mounted, and " + used->name + " wants to see one",
            "mount one at /sys/fs/cgroup as root, or install crun instead of " + used->name};
  }
  return {State::kGood, "cgroups", version + "; the container's own group is not needed without root", ""};
}

Finding cgroup_finding(Wall wall, const HostReport& host) {
  if (!host.is_root && wall == Wall::kRunc) return rootless_cgroup_finding(host);
  const std::string version(sys::to_string(host.cgroups.version));
  if (!host.cgroups.has_all()) {
    return {State::kMissing, "cgroups", version + "; " + host.cgroups.why_not,
            "mount the cgroup controllers memory, pids and cpu, writable"};
  }
  if (wall != Wall::kRunsc && host.cgroups.freezer.empty()) {
    return {State::kMissing, "cgroups", version + "; no cgroup v2 hierarchy for the container's own group",
            "mount -t cgroup2 none /sys/fs/cgroup/unified"};
  }
  return {State::kGood, "cgroups", version + "; memory, pids and cpu can be limited for a sandbox as a whole", ""};
}

}  // namespace

Result<> is_possible(Wall wall, const HostReport& host) {
  for (const Finding& finding : {root_finding(wall, host), cgroup_finding(wall, host)}) {
    if (finding.state == State::kMissing)
      return Error(Code::kUnsupported, finding.what + ": " + finding.why + "; " + finding.mend);
  }
  if (!host.has_user_namespaces) return Error(Code::kUnsupported, host.why_no_user_namespaces);
  TRY(find_runtime(wall));
  return {};
}

runtime::Probe probe_wall(Wall wall, const HostReport& host, const std::string& launcher) {
  const auto used = find_runtime(wall);
  const std::string breaks = breaks_of(wall, host, used);
  runtime::Probe probe{
      .is_available = true,
      .boundary = wall == Wall::kRunsc ? policy::Boundary::kUserSpaceKernel : policy::Boundary::kSharedKernel,
      .findings = program_findings(wall, used, breaks),
      .breaks = breaks};
  probe.findings.push_back(root_finding(wall, host));
  probe.findings.push_back(cgroup_finding(wall, host));
  if (!host.has_user_namespaces)
    probe.findings.push_back({State::kMissing, "namespaces", host.why_no_user_namespaces, ""});
  if (::access(launcher.c_str(), X_OK) != 0) {
    probe.findings.push_back(
        {State::kMissing, "helpers", launcher + " is missing", "install Brig again (cmake --install build/release)"});
  }
  for (const std::string& weakness : weaknesses_of(wall, {}, host)) {
    const std::size_t colon = weakness.find(": ");
    probe.findings.push_back({State::kWeak, weakness.substr(0, colon), weakness.substr(colon + 2), ""});
  }
  for (const Finding& finding : probe.findings) {
    if (finding.state == State::kMissing) probe.is_available = false;
  }
  return probe;
}

std::vector<std::string> weaknesses_of(Wall wall, const policy::Limits& limits, const HostReport& host) {
  HostReport seen = host;
  if (wall == Wall::kRunsc)
    seen.landlock_abi = std::max(seen.landlock_abi, 1);  // the guest's files are not the kernel's
  std::vector<std::string> list = process::weaknesses_of(limits, seen);
  if (wall == Wall::kRunsc) {
    list.emplace_back(
        "identity: outside, gVisor's kernel runs as nobody (65534), which all its sandboxes share, in a user namespace "
        "of its own");
    if (limits.cpu_time.has_value()) {
      list.push_back("cpu_time: gVisor holds only the program itself to " + format(*limits.cpu_time) +
                     " of processor time, not what that starts");
    }
  }
  return list;
}

}  // namespace brig::runtimes::oci
