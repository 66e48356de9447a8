/// 007_shm_canary: reads world-readable canaries in the host's other shared scratch folders.
/// Expected: both are the sandbox's own or absent.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  return worst(
      {cannot_read(args.text("shm_secret"), Quote::kShow), cannot_read(args.text("vartmp_secret"), Quote::kShow)});
}

}  // namespace

constinit const Probe k007ShmCanary = {
    .name = "007_shm_canary",
    .group = Group::kFiles,
    .attack = "read a file in the host's /dev/shm and /var/tmp",
    .cve = "",
    .refusal = "both are the sandbox's own or absent",
    .run = run,
};

}  // namespace brig::attack::probes
