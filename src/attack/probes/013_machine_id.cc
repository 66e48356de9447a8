/// 013_machine_id: opens the files that name a machine for good.
/// Expected: the file is not in the sandbox's own /etc.
#include <fcntl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return cannot_open_any({"/etc/machine-id", "/var/lib/dbus/machine-id", "/sys/class/dmi/id/product_uuid"}, O_RDONLY);
}

}  // namespace

constinit const Probe k013MachineId = {
    .name = "013_machine_id",
    .group = Group::kFiles,
    .attack = "identify the host by its machine id",
    .cve = "",
    .refusal = "the file is not in the sandbox's own /etc",
    .run = run,
    .needs = "a host with /etc/machine-id",
};

}  // namespace brig::attack::probes
