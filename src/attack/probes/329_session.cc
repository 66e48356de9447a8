/// 329_session: asks who leads its session: a leader outside the pid namespace shows as 0. Whether there is a terminal:
/// 717. Published: CVE-2016-2779. Expected: the sandbox has a session of its own.
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const pid_t session = ::getsid(0);
  const pid_t group = ::getpgrp();
  return session == 0 || group == 0 ? breached("the session is led from outside")
                                    : held("session " + std::to_string(session));
}

}  // namespace

constinit const Probe k329Session = {
    .name = "329_session",
    .group = Group::kProcess,
    .attack = "belong to the caller's session and process group",
    .cve = "CVE-2016-2779",
    .refusal = "the sandbox has a session of its own",
    .run = run,
};

}  // namespace brig::attack::probes
