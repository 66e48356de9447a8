/// 015_usr_write: opens a file of the host's /usr for writing and asks for a folder's write permission; writes nothing.
/// The control's room has a private writable overlay there. Expected: /usr is mounted read-only.
#include <fcntl.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  std::vector<Finding> findings;
  for (const char* path : {"/usr/lib/os-release", "/usr/bin/env", "/usr/bin/python3"})
    findings.push_back(cannot_open(path, O_WRONLY));
  for (const char* path : {"/usr", "/usr/bin", "/usr/lib", "/usr/local/bin"}) {
    if (::access(path, W_OK) == 0) findings.push_back(breached(std::string(path) + " is writable"));
  }
  return worst(findings);
}

}  // namespace

constinit const Probe k015UsrWrite = {
    .name = "015_usr_write",
    .group = Group::kFiles,
    .attack = "change the host's programs and libraries",
    .cve = "",
    .refusal = "/usr is mounted read-only",
    .run = run,
    .needs_root = true,
};

}  // namespace brig::attack::probes
