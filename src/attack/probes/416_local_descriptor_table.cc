/// 416_local_descriptor_table: reads its own, empty table.
/// Published: CVE-2017-17053, CVE-2015-5157, CVE-2014-9322.
/// Expected: the filter.
#include <sys/syscall.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

#if defined(SYS_modify_ldt)
Finding run(const Args&) {
  char table[16];
  return refused("modify_ldt", ::syscall(SYS_modify_ldt, 0, table, sizeof table));
}
#else
Finding run(const Args&) { return not_applicable("this architecture has none"); }
#endif

}  // namespace

constinit const Probe k416LocalDescriptorTable = {
    .name = "416_local_descriptor_table",
    .group = Group::kKernel,
    .attack = "change the processor's segment tables",
    .cve = "CVE-2017-17053, CVE-2015-5157, CVE-2014-9322",
    .refusal = "the filter",
    .run = run,
    .needs = "a kernel with modify_ldt",
};

}  // namespace brig::attack::probes
