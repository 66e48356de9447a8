#pragma once
/// Asker: who asks brig-launch for a sandbox, and what may be shown in it on that asker's own right.
///
/// A launcher with root's privileges must not lend them. Whoever has its own uid gets what it could do itself. Anybody
/// else, an unprivileged daemon above all, proves by descriptors opened for reading that it could read what it wants
/// shown, may not have it written to, and a folder's contents are judged inside as the kernel judges them for the
/// asker: its own uid and group are mapped to the sandbox's, never the owner's (idmap.h). A launcher without root makes
/// sandboxes that have its own uid outside, so it serves that uid only.
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "runtimes/process/host_report.h"
#include "runtimes/process/launch.h"
#include "sys/seqpacket.h"

namespace brig::runtimes::process {

struct Asker {
  uid_t uid = 0;
  gid_t gid = 0;
  bool is_own = false;  ///< has the launcher's own uid
};

/// kDenied if the launcher does not serve this sender at all, or the message names none.
Result<Asker> asker_of(const std::optional<sys::Sender>& sender, const HostReport& host);

/// kDenied, with the reason, if the asker has not proved its right to one of the mounts. Looks at the descriptors, not
/// at the files.
Result<> check_rights(const Asker& asker, const std::vector<LaunchMount>& mounts, const std::vector<Fd>& fds);

/// The name of the sandbox's group. A stranger's has its uid in it, so that nobody's sandbox is taken down by a request
/// that names it.
std::string group_name(const Asker& asker, const std::string& id);

}  // namespace brig::runtimes::process
