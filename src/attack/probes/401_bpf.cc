/// 401_bpf: makes a small BPF map and closes it.
/// Published: CVE-2021-3490, CVE-2020-8835, CVE-2022-23222.
/// Expected: the filter, and no CAP_BPF.
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  bpf_attr request{};
  request.map_type = BPF_MAP_TYPE_ARRAY;
  request.key_size = 4;
  request.value_size = 4;
  request.max_entries = 1;
  return refused("bpf(MAP_CREATE)", ::syscall(SYS_bpf, BPF_MAP_CREATE, &request, sizeof request));
}

}  // namespace

constinit const Probe k401Bpf = {
    .name = "401_bpf",
    .group = Group::kKernel,
    .attack = "load programs into the kernel",
    .cve = "CVE-2021-3490, CVE-2020-8835, CVE-2022-23222",
    .refusal = "the filter, and no CAP_BPF",
    .run = run,
    .needs_root = true,
};

}  // namespace brig::attack::probes
