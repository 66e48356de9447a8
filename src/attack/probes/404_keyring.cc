/// 404_keyring: looks for the canary key of the caller's session keyring and reads it.
/// Published: CVE-2016-0728.
/// Expected: the filter, and a session keyring of its own.
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  constexpr long kSearch = 10;
  constexpr long kRead = 11;
  constexpr long kSessionKeyring = -3;
  const long key = ::syscall(SYS_keyctl, kSearch, kSessionKeyring, "user", "brig-canary", 0);
  if (key < 0) return refused("keyctl(SEARCH)", key, {ENOKEY});
  std::array<char, 128> text{};
  const long n = ::syscall(SYS_keyctl, kRead, key, text.data(), text.size());
  return breached("found it: " + std::string(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0));
}

}  // namespace

constinit const Probe k404Keyring = {
    .name = "404_keyring",
    .group = Group::kKernel,
    .attack = "read the caller's keys",
    .cve = "CVE-2016-0728",
    .refusal = "the filter, and a session keyring of its own",
    .run = run,
};

}  // namespace brig::attack::probes
