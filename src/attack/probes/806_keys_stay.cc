/// 806_keys_stay: adds a key to the keyring of its user, and looks for it in the second sandbox.
/// Expected: the filter refuses keys.
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  constexpr long kSearch = 10;
  constexpr long kUserKeyring = -4;
  constexpr long kUnlink = 9;
  if (args.text("phase") == "2") {
    const long key = ::syscall(SYS_keyctl, kSearch, kUserKeyring, "user", "brig-marker", 0);
    if (key >= 0) ::syscall(SYS_keyctl, kUnlink, key, kUserKeyring);
    return refused("keyctl(SEARCH)", key, {ENOKEY});
  }
  const std::string marker = args.text("marker");
  const long key = ::syscall(SYS_add_key, "user", "brig-marker", marker.data(), marker.size(), kUserKeyring);
  constexpr long kSetTimeout = 15;
  if (key >= 0) ::syscall(SYS_keyctl, kSetTimeout, key, 60);
  return held(key >= 0 ? "left one" : "add_key: " + error_name(errno));
}

}  // namespace

constinit const Probe k806KeysStay = {
    .name = "806_keys_stay",
    .group = Group::kPersistence,
    .attack = "leave a key in the kernel for the next sandbox",
    .cve = "",
    .refusal = "the filter refuses keys",
    .run = run,
    .phases = 2,
};

}  // namespace brig::attack::probes
