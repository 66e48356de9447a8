/// 314_read_supervisor_memory: reads at address 1 of the supervisor: EFAULT means that permission was given.
/// Expected: the filter, and pid 1 is not dumpable.
#include <sys/uio.h>

#include <array>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  std::array<char, 8> buffer{};
  iovec local{buffer.data(), buffer.size()};
  iovec remote{reinterpret_cast<void*>(1), buffer.size()};
  const auto pid = static_cast<pid_t>(args.number("supervisor", 1));
  return refused("process_vm_readv", ::process_vm_readv(pid, &local, 1, &remote, 1, 0));
}

}  // namespace

constinit const Probe k314ReadSupervisorMemory = {
    .name = "314_read_supervisor_memory",
    .group = Group::kProcess,
    .attack = "read the supervisor's memory",
    .cve = "",
    .refusal = "the filter, and pid 1 is not dumpable",
    .run = run,
};

}  // namespace brig::attack::probes
