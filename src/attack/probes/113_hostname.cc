/// 113_hostname: compares its hostname with the host's.
/// Expected: the sandbox has a uts namespace and a name of its own.
#include <unistd.h>

#include <array>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  const std::string own = name.data();
  return own == args.text("hostname") ? breached("the name is the host's: " + own) : held("the name is " + own);
}

}  // namespace

constinit const Probe k113Hostname = {
    .name = "113_hostname",
    .group = Group::kLeaks,
    .attack = "learn the host's name",
    .cve = "",
    .refusal = "the sandbox has a uts namespace and a name of its own",
    .run = run,
};

}  // namespace brig::attack::probes
