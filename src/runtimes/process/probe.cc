#include "runtimes/process/probe.h"

#include <sched.h>
#include <unistd.h>

#include <cerrno>

#include "runtimes/process/compile.h"
#include "sys/process.h"

namespace brig::runtimes::process {
namespace {

using runtime::Finding;

/// 0 if a child of ours may have all the namespaces of the wall, else the errno.
int try_namespaces() {
  auto child =
      sys::clone(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS, FdRef());
  if (!child.has_value()) return child.error().os_error();
  if (!child->has_value()) ::_exit(0);
  return 0;  // the Child is reaped by its destructor
}

/// A root that lacks capabilities or ids, as in most containers: sudo gives it nothing, whoever starts the container
/// can.
bool is_container_root(const HostReport& host) { return !host.is_root && host.uid == 0; }

Finding namespaces_finding(const HostReport& host) {
  const int error = host.has_user_namespaces ? try_namespaces() : EPERM;
  if (error == 0)
    return {Finding::State::kGood, "namespaces", "user, pid, mount, network, ipc and uts namespaces can be made", ""};
  std::string mend = "sysctl -w user.max_user_namespaces=15000";
  if (is_container_root(host)) {
    mend =
        "start the container with --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
        "--security-opt systempaths=unconfined, or run brig on the machine itself";
  } else if (!host.is_root) {
    // The three switches distributions use: Debian's, Ubuntu 23.10's AppArmor rule, and plain root.
    mend =
        "sudo sysctl -w kernel.unprivileged_userns_clone=1 (Debian), or "
        "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), or run brig with sudo";
  }
  const std::string why = host.has_user_namespaces ? Error::system(error, "making them is refused").message() +
                                                         " (a container, a seccomp filter or AppArmor?)"
                                                   : host.why_no_user_namespaces;
  return {Finding::State::kMissing, "namespaces", why, mend};
}

Finding cgroup_finding(const HostReport& host) {
  const std::string version(sys::to_string(host.cgroups.version));
  if (host.cgroups.has_all()) {
    return {Finding::State::kGood, "cgroups",
            version + "; memory, pids and cpu can be limited for a sandbox as a whole", ""};
  }
  return {Finding::State::kWeak, "cgroups",
          version + "; " + host.cgroups.why_not + ": only private memory of each process is limited, cpu is not",
          is_container_root(host)
              ? "start the container with --privileged and --cgroupns=host, or run brig on the machine itself as root"
          : host.is_root
              ? "mount the cgroup controllers memory, pids and cpu, writable"
              : "run brig with sudo, or in a delegated group: systemd-run --user --scope -p Delegate=yes brig …"};
}

Finding landlock_finding(const HostReport& host) {
  if (host.landlock_abi > 0) {
    return {Finding::State::kGood, "landlock", "ABI " + std::to_string(host.landlock_abi), ""};
  }
  return {Finding::State::kWeak, "landlock",
          "this kernel has none: the sandbox's own mounts alone decide what can be opened",
          "Linux 5.13 or newer with `landlock` in the lsm= list of the kernel command line"};
}

Finding identity_finding(const HostReport& host) {
  if (host.is_root) {
    return {Finding::State::kGood, "identity",
            "every sandbox gets a user of its own outside (from " + std::to_string(kFirstOutsideId) + ")", ""};
  }
  return {Finding::State::kWeak, "identity",
          "outside, sandboxes run as your own user (uid " + std::to_string(host.uid) + ")",
          is_container_root(host)
              ? "start the container with --privileged and without a user namespace, or run brig on the machine itself"
              : "run brig with sudo"};
}

Finding helper_finding(const std::string& launcher) {
  const std::string folder = launcher.substr(0, launcher.rfind('/'));
  for (const std::string& program : {launcher, folder + "/brig-init"}) {
    if (::access(program.c_str(), X_OK) != 0) {
      return {Finding::State::kMissing, "helpers", program + " is missing",
              "install Brig again (cmake --install build/release)"};
    }
  }
  return {Finding::State::kGood, "helpers", "brig-launch and brig-init are in " + folder, ""};
}

}  // namespace

runtime::Probe probe_host(const HostReport& host, const std::string& launcher) {
  runtime::Probe probe{.is_available = true, .boundary = policy::Boundary::kSharedKernel, .findings = {}};
  probe.findings = {namespaces_finding(host), cgroup_finding(host), landlock_finding(host), identity_finding(host),
                    helper_finding(launcher)};
  probe.findings.push_back(
      {Finding::State::kGood, "system-call filter",
       std::to_string(seccomp_program().allowed) + " calls allowed, profile " + seccomp_program().hash, ""});
  for (const Finding& finding : probe.findings) {
    if (finding.state == Finding::State::kMissing) probe.is_available = false;
  }
  return probe;
}

}  // namespace brig::runtimes::process
