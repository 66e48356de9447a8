/// 010_service_account: opens the files a pod is given to talk to its cluster; a success is enough, nothing is read.
/// Expected: /var/run of the host is not in the sandbox.
#include <fcntl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return cannot_open_any({"/var/run/secrets/kubernetes.io/serviceaccount/token",
                          "/run/secrets/kubernetes.io/serviceaccount/token", "/run/secrets/rhsm/ca/redhat-uep.pem"},
                         O_RDONLY);
}

}  // namespace

constinit const Probe k010ServiceAccount = {
    .name = "010_service_account",
    .group = Group::kFiles,
    .attack = "read the token of a Kubernetes service account",
    .cve = "",
    .refusal = "/var/run of the host is not in the sandbox",
    .run = run,
};

}  // namespace brig::attack::probes
