/// 213_abstract_socket: connects to the canary's abstract socket.
/// Published: CVE-2020-15257 (containerd-shim).
/// Expected: abstract names belong to the network namespace, and Landlock scopes them.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) { return cannot_connect_unix(args.text("abstract"), true); }

}  // namespace

constinit const Probe k213AbstractSocket = {
    .name = "213_abstract_socket",
    .group = Group::kNetwork,
    .attack = "reach a service on an abstract Unix socket",
    .cve = "CVE-2020-15257 (containerd-shim)",
    .refusal = "abstract names belong to the network namespace, and Landlock scopes them",
    .run = run,
};

}  // namespace brig::attack::probes
