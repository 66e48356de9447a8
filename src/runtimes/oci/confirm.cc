#include "runtimes/oci/confirm.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <utility>

#include "runtimes/process/compile.h"
#include "sys/file.h"

namespace brig::runtimes::oci {
namespace {

using process::differs;

/// The runtime's, and brig-init's.
constexpr std::uint32_t kContainerFilters = 2;

/// The root file system as the file server of gVisor has it: through the nanny's root.
Result<> confirm_root(const Made& made) {
  struct statvfs info = {};
  const std::string path = "/proc/" + std::to_string(made.nanny) + "/root/box/rootfs/";
  if (::statvfs(path.c_str(), &info) < 0) return Error::last_system("look at the root file system");
  if ((info.f_flag & ST_RDONLY) == 0) return differs("the root file system can be written");
  return {};
}

Result<runtime::Attestation> confirm_sentry(const Made& made, const process::HostReport& host,
                                            process::Outside outside) {
  const std::string proc = "/proc/" + std::to_string(made.pid);
  runtime::Attestation a;
  a.runtime = std::string(wall_name(made.wall));
  a.boundary = policy::Boundary::kUserSpaceKernel;
  a.kernel = "gVisor on " + host.kernel;
  a.namespaces = TRY(process::own_namespaces(made.pid, outside));
  for (const char* needed : {"ipc", "mnt", "net", "pid", "user", "uts"}) {
    if (std::ranges::find(a.namespaces, needed) == a.namespaces.end())
      return differs("gVisor's kernel shares the host's namespace " + std::string(needed));
  }
  const auto status = process::parse_status(TRY(sys::read_file(proc + "/status", 16384)));
  a.user_mapping = process::mapping_text(TRY(sys::read_file(proc + "/uid_map", 4096)));
  if (!status.uids.has_value() || std::ranges::find(*status.uids, 0U) != status.uids->end())
    return differs("gVisor's kernel runs as root");
  a.no_new_privs = status.no_new_privs == 1;
  if (!a.no_new_privs) return differs("gVisor's kernel may gain new privileges");
  if (status.seccomp_mode != 2) return differs("gVisor's kernel has no system-call filter");
  a.capabilities = "none";
  a.seccomp = {.profile_hash = process::seccomp_program().hash,
               .default_action = "errno ENOSYS",
               .allowed = process::seccomp_program().allowed,
               .filters = static_cast<std::uint32_t>(std::max(status.seccomp_filters, 1))};
  TRY(confirm_root(made));
  a.rootfs = {.is_read_only = true,
              .image = made.image.empty() ? "host" : "sha256:" + made.image,
              .format = made.image.empty() ? "host" : made.format};
  a.network = "none";
  a.cgroup = std::move(outside.cgroup);
  return a;
}

}  // namespace

std::string_view wall_name(process::Wall wall) {
  switch (wall) {
    case process::Wall::kRunc: return "container";
    case process::Wall::kRunsc: return "gvisor";
    case process::Wall::kProcess: break;
  }
  return "process";
}

Result<runtime::Attestation> confirm_container(const Made& made, const process::HostReport& host,
                                               process::Outside outside) {
  if (made.wall == process::Wall::kRunsc) return confirm_sentry(made, host, std::move(outside));
  const process::Expectation expectation{.runtime = std::string(wall_name(made.wall)),
                                         .outside_uid = made.ids.uid,
                                         .outside_gid = made.ids.gid,
                                         .groups = TRY(process::remaining_groups(host)),
                                         .landlock_rules = made.landlock_rules,
                                         .image = made.image,
                                         .format = made.format,
                                         .zero = made.zero};
  auto attestation = TRY(process::attest(made.pid, host, std::move(outside), expectation));
  if (attestation.seccomp.filters < kContainerFilters)
    return differs("the filter of the configuration or that of brig-init is not installed");
  return attestation;
}

}  // namespace brig::runtimes::oci
