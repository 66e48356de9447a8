/// 214_unix_socket: connects to the canary's socket in the host's /tmp, mode 0777.
/// Expected: the socket's folder is not in the sandbox.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) { return cannot_connect_unix(args.text("canary_dir") + "/socket", false); }

}  // namespace

constinit const Probe k214UnixSocket = {
    .name = "214_unix_socket",
    .group = Group::kNetwork,
    .attack = "reach a service on a Unix socket in the file system",
    .cve = "",
    .refusal = "the socket's folder is not in the sandbox",
    .run = run,
};

}  // namespace brig::attack::probes
