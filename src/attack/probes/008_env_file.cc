/// 008_env_file: reads a canary .env file, the place where credentials of applications lie most often.
/// Expected: the project folder of the host is not in the sandbox.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) { return cannot_read(args.text("canary_dir") + "/.env", Quote::kShow); }

}  // namespace

constinit const Probe k008EnvFile = {
    .name = "008_env_file",
    .group = Group::kFiles,
    .attack = "read an application's .env file",
    .cve = "",
    .refusal = "the project folder of the host is not in the sandbox",
    .run = run,
};

}  // namespace brig::attack::probes
