/// 002_ssh_key: reads a canary key that lies in the home folder of whoever started the sandbox.
/// Expected: no home folder of the host is in the sandbox.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) { return cannot_read(args.text("home_secret"), Quote::kShow); }

}  // namespace

constinit const Probe k002SshKey = {
    .name = "002_ssh_key",
    .group = Group::kFiles,
    .attack = "read a private key in the caller's home folder",
    .cve = "",
    .refusal = "no home folder of the host is in the sandbox",
    .run = run,
};

}  // namespace brig::attack::probes
