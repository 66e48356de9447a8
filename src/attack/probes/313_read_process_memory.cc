/// 313_read_process_memory: reads the secret in the canary process's memory with process_vm_readv.
/// Expected: the pid namespace; the filter.
#include <sys/uio.h>

#include <array>
#include <cerrno>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  std::array<char, 128> buffer{};
  iovec local{buffer.data(), buffer.size()};
  iovec remote{reinterpret_cast<void*>(args.number("address", 0)), static_cast<std::size_t>(args.number("length", 64))};
  const ssize_t n = ::process_vm_readv(static_cast<pid_t>(args.number("canary", 0)), &local, 1, &remote, 1, 0);
  Finding finding = refused("process_vm_readv", n, {ESRCH});
  if (n > 0) finding.seen += ": " + std::string(buffer.data(), static_cast<std::size_t>(n));
  return finding;
}

}  // namespace

constinit const Probe k313ReadProcessMemory = {
    .name = "313_read_process_memory",
    .group = Group::kProcess,
    .attack = "read the memory of a process of the host",
    .cve = "",
    .refusal = "the pid namespace; the filter",
    .run = run,
};

}  // namespace brig::attack::probes
