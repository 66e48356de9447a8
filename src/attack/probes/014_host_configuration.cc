/// 014_host_configuration: opens files of /etc that say how the host is set up; a success is enough, nothing is read.
/// Expected: the sandbox has an /etc of its own.
#include <fcntl.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  return cannot_open_any({"/etc/fstab", "/etc/sudoers", "/etc/crontab", "/etc/ssh/sshd_config", "/etc/apt/auth.conf",
                          "/etc/environment", "/etc/krb5.keytab"},
                         O_RDONLY);
}

}  // namespace

constinit const Probe k014HostConfiguration = {
    .name = "014_host_configuration",
    .group = Group::kFiles,
    .attack = "read the host's configuration",
    .cve = "",
    .refusal = "the sandbox has an /etc of its own",
    .run = run,
    .needs = "a host with one of these files",
};

}  // namespace brig::attack::probes
