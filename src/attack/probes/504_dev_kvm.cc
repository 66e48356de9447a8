/// 504_dev_kvm: opens /dev/kvm and closes it.
/// Published: CVE-2021-22543, CVE-2018-12904.
/// Expected: the sandbox has a /dev of its own.
#include <fcntl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) { return cannot_open("/dev/kvm", O_RDWR); }

}  // namespace

constinit const Probe k504DevKvm = {
    .name = "504_dev_kvm",
    .group = Group::kDevices,
    .attack = "make virtual machines",
    .cve = "CVE-2021-22543, CVE-2018-12904",
    .refusal = "the sandbox has a /dev of its own",
    .run = run,
    .needs_root = true,
    .needs = "a host with /dev/kvm",
};

}  // namespace brig::attack::probes
