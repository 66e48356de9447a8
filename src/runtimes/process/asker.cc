#include "runtimes/process/asker.h"

#include <fcntl.h>
#include <unistd.h>

namespace brig::runtimes::process {

Result<Asker> asker_of(const std::optional<sys::Sender>& sender, const HostReport& host) {
  if (!sender.has_value()) return Error(Code::kDenied, "the launch request does not say who asks");
  const Asker asker{.uid = sender->uid, .gid = sender->gid, .is_own = sender->uid == host.uid};
  if (!asker.is_own && !host.is_root) {
    return Error(Code::kDenied, "brig-launch runs as uid " + std::to_string(host.uid) +
                                    ", and so would the sandbox: it makes none for uid " + std::to_string(asker.uid));
  }
  return asker;
}

Result<> check_rights(const Asker& asker, const std::vector<LaunchMount>& mounts, const std::vector<Fd>& fds) {
  if (asker.is_own) return {};
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    const auto denied = [&](std::string_view why) {
      return Error(Code::kDenied, "show " + mounts[i].host + " inside: " + std::string(why));
    };
    if (mounts[i].is_writable) return denied("only the launcher's own user may have it written to");
    const int flags = ::fcntl(fds[i].get(), F_GETFL);
    if (flags < 0) return Error::last_system("look at the descriptor of " + mounts[i].host);
    const int mode = flags & O_ACCMODE;
    if ((flags & O_PATH) != 0 || (mode != O_RDONLY && mode != O_RDWR))
      return denied("its descriptor does not prove that you may read it");
  }
  return {};
}

std::string group_name(const Asker& asker, const std::string& id) {
  return asker.is_own ? id : "u" + std::to_string(asker.uid) + "-" + id;
}

}  // namespace brig::runtimes::process
