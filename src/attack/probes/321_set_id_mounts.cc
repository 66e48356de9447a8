/// 321_set_id_mounts: asks for the flags of every place where a program could lie.
/// Expected: every mount is nosuid.
#include <sys/statvfs.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  std::vector<std::string> places = scratch_folders();
  places.insert(places.end(), {"/", "/usr", "/etc", "/dev"});
  for (const std::string& place : places) {
    struct statvfs info{};
    if (::statvfs(place.c_str(), &info) == 0 && (info.f_flag & ST_NOSUID) == 0)
      return breached(place + " is not nosuid");
  }
  return held("nosuid everywhere");
}

}  // namespace

constinit const Probe k321SetIdMounts = {
    .name = "321_set_id_mounts",
    .group = Group::kProcess,
    .attack = "find a mount that honours set-user-id bits",
    .cve = "",
    .refusal = "every mount is nosuid",
    .run = run,
    .weakness = "set-id:",
    .own_kernel = "its own kernel does not show the flag; no new privileges come of a set-id file",
};

}  // namespace brig::attack::probes
