/// 422_host_names: sets the host's name and domain to what they are.
/// Expected: the filter, and a uts namespace of its own.
#include <sys/utsname.h>
#include <unistd.h>

#include <cstring>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  utsname names{};
  ::uname(&names);
  const auto* host = static_cast<const char*>(names.nodename);
  const auto* domain = static_cast<const char*>(names.domainname);
  return worst({refused("sethostname", ::sethostname(host, std::strlen(host))),
                refused("setdomainname", ::setdomainname(domain, std::strlen(domain)))});
}

}  // namespace

constinit const Probe k422HostNames = {
    .name = "422_host_names",
    .group = Group::kKernel,
    .attack = "rename the host",
    .cve = "",
    .refusal = "the filter, and a uts namespace of its own",
    .run = run,
};

}  // namespace brig::attack::probes
