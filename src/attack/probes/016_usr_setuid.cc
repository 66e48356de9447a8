/// 016_usr_setuid: changes the mode of a file in /usr to what it already is: permission is all that is asked for.
/// Expected: /usr is mounted read-only and the owner is not mapped.
#include <sys/stat.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  struct stat info{};
  if (::stat("/usr/bin/env", &info) != 0) return not_applicable("there is no /usr/bin/env");
  const int result = ::chmod("/usr/bin/env", info.st_mode & 07777);
  return refused("chmod /usr/bin/env", result, {30 /* EROFS */});
}

}  // namespace

constinit const Probe k016UsrSetuid = {
    .name = "016_usr_setuid",
    .group = Group::kFiles,
    .attack = "make a host program set-user-id",
    .cve = "",
    .refusal = "/usr is mounted read-only and the owner is not mapped",
    .run = run,
    .needs_root = true,
};

}  // namespace brig::attack::probes
