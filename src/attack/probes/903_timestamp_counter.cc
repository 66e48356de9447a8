/// 903_timestamp_counter: reads the timestamp counter. Every program needs a clock and the processor gives one; a
/// shared-kernel wall cannot blur it without breaking programs. It is reported, so that nobody believes otherwise.
/// Published: CVE-2017-5753 (Spectre) needs one.
/// Expected: nothing: accepted, see docs/attack.md.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return not_applicable("rdtsc and clock_gettime are available: accepted, a shared processor is part of this wall");
}

}  // namespace

constinit const Probe k903TimestampCounter = {
    .name = "903_timestamp_counter",
    .group = Group::kTiming,
    .attack = "read a fine clock",
    .cve = "CVE-2017-5753 (Spectre) needs one",
    .refusal = "nothing: accepted, see docs/attack.md",
    .run = run,
};

}  // namespace brig::attack::probes
