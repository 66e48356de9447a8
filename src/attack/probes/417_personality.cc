/// 417_personality: asks for READ_IMPLIES_EXEC and ADDR_NO_RANDOMIZE in a child.
/// Expected: the filter allows the default personality only.
#include <sys/personality.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding attempt(const Args&) { return refused("personality", ::personality(READ_IMPLIES_EXEC | ADDR_NO_RANDOMIZE)); }
Finding run(const Args& args) { return in_child(attempt, args); }

}  // namespace

constinit const Probe k417Personality = {
    .name = "417_personality",
    .group = Group::kKernel,
    .attack = "switch off address randomisation and make all memory executable",
    .cve = "",
    .refusal = "the filter allows the default personality only",
    .run = run,
};

}  // namespace brig::attack::probes
