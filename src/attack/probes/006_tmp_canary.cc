/// 006_tmp_canary: reads a world-readable canary in the host's /tmp: only the wall keeps it away, not its mode.
/// Expected: /tmp is the sandbox's own.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) { return cannot_read(args.text("canary_dir") + "/secret", Quote::kShow); }

}  // namespace

constinit const Probe k006TmpCanary = {
    .name = "006_tmp_canary",
    .group = Group::kFiles,
    .attack = "read another user's file in the host's /tmp",
    .cve = "",
    .refusal = "/tmp is the sandbox's own",
    .run = run,
};

}  // namespace brig::attack::probes
