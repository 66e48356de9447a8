/// 005_engine_socket: connects to the sockets of Docker, containerd, Podman and CRI-O: whoever may talk to one is root
/// on the host. Published: whoever may talk to one is root on the host. Expected: no engine's socket is in the sandbox.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  std::vector<Finding> findings;
  for (const char* path : {"/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock",
                           "/run/podman/podman.sock", "/run/crio/crio.sock"}) {
    findings.push_back(cannot_connect_unix(path, false));
  }
  return worst(findings);
}

}  // namespace

constinit const Probe k005EngineSocket = {
    .name = "005_engine_socket",
    .group = Group::kFiles,
    .attack = "talk to a container engine over its socket",
    .cve = "whoever may talk to one is root on the host",
    .refusal = "no engine's socket is in the sandbox",
    .run = run,
};

}  // namespace brig::attack::probes
