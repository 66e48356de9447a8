#include "runtimes/oci/probe.h"

#include <unistd.h>

#include <algorithm>

#include "runtimes/oci/program.h"
#include "runtimes/process/compile.h"

namespace brig::runtimes::oci {
namespace {

using process::HostReport;
using runtime::Finding;
using State = Finding::State;

Finding program_finding(Wall wall) {
  const std::string name(program_name(wall));
  auto program = find_program(name);
  if (!program.has_value()) {
    const bool is_there = program.error().code() == Code::kDenied;
    return {State::kMissing, name, program.error().message(), is_there ? "" : "apt-get install " + name};
  }
  return {State::kGood, name, program->path, ""};
}

Finding root_finding(const HostReport& host) {
  if (host.is_root) return {State::kGood, "root", "a user of its own outside for every sandbox", ""};
  return {State::kMissing, "root", "OCI runtimes are run by root only yet", "run brig with sudo"};
}

Finding cgroup_finding(Wall wall, const HostReport& host) {
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
  for (const Finding& finding : {root_finding(host), cgroup_finding(wall, host)}) {
    if (finding.state == State::kMissing)
      return Error(Code::kUnsupported, finding.what + ": " + finding.why + "; " + finding.mend);
  }
  if (!host.has_user_namespaces) return Error(Code::kUnsupported, host.why_no_user_namespaces);
  TRY(find_program(program_name(wall)));
  return {};
}

runtime::Probe probe_wall(Wall wall, const HostReport& host, const std::string& launcher) {
  runtime::Probe probe{
      .is_available = true,
      .boundary = wall == Wall::kRunsc ? policy::Boundary::kUserSpaceKernel : policy::Boundary::kSharedKernel,
      .findings = {program_finding(wall), root_finding(host), cgroup_finding(wall, host)}};
  if (wall == Wall::kRunc && find_program("crun").has_value()) {
    probe.findings.push_back(
        {State::kGood, "crun",
         "installed and not used: it makes devices anew in a root that cannot be written, and fails", ""});
  }
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
