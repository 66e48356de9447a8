/// 009_tool_credentials: opens the credential files of cloud and developer tools; a success is enough, nothing is read.
/// Expected: no home folder of the host is in the sandbox.
#include <fcntl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return cannot_open_any(
      {"/root/.aws/credentials", "/root/.config/gcloud/credentials.db", "/root/.kube/config",
       "/root/.docker/config.json", "/root/.netrc", "/root/.git-credentials", "/root/.npmrc", "/root/.pypirc",
       "/root/.bash_history", "/etc/kubernetes/admin.conf", "/etc/rancher/k3s/k3s.yaml"},
      O_RDONLY);
}

}  // namespace

constinit const Probe k009ToolCredentials = {
    .name = "009_tool_credentials",
    .group = Group::kFiles,
    .attack = "read the credential files of common tools",
    .cve = "",
    .refusal = "no home folder of the host is in the sandbox",
    .run = run,
};

}  // namespace brig::attack::probes
