/// 320_no_new_privileges: asks for the flag, and tries to clear it.
/// Expected: no_new_privs is set, for good.
#include <sys/prctl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0) return breached("the flag can be cleared");
  const int flag = ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
  return flag == 1 ? held("no_new_privs is set") : breached("no_new_privs is not set");
}

}  // namespace

constinit const Probe k320NoNewPrivileges = {
    .name = "320_no_new_privileges",
    .group = Group::kProcess,
    .attack = "gain privileges by starting a set-user-id program",
    .cve = "",
    .refusal = "no_new_privs is set, for good",
    .run = run,
};

}  // namespace brig::attack::probes
