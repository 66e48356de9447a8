/// 107_kernel_addresses: looks for an address other than zero in /proc/kallsyms and /proc/modules.
/// Expected: /proc/kallsyms is masked or shows zeros.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  for (const char* path : {"/proc/kallsyms", "/proc/modules"}) {
    const auto text = read_some(path);
    if (text.has_value() && text->find("ffffffff") != std::string::npos)
      return breached(std::string(path) + " shows addresses");
  }
  return held("no addresses");
}

}  // namespace

constinit const Probe k107KernelAddresses = {
    .name = "107_kernel_addresses",
    .group = Group::kLeaks,
    .attack = "learn where the kernel lies in memory",
    .cve = "",
    .refusal = "/proc/kallsyms is masked or shows zeros",
    .run = run,
    .needs_root = true,
    .needs = "a kernel that shows addresses to root",
};

}  // namespace brig::attack::probes
