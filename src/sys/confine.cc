#include "sys/confine.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "sys/abi.h"
#include "sys/file.h"
#include "sys/kernel.h"

namespace brig::sys {
namespace {

Result<> drop_capabilities(bool has_dac_override) {
  for (unsigned long capability = 0; capability < 64; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0) continue;
    // Past the last one; or without CAP_SETPCAP (an ordinary user): then the bounding set cannot be changed, and need
    // not be, because no_new_privs closes what it bounds.
    if (errno == EINVAL || errno == EPERM) break;
    return Error::last_system("drop a capability");
  }
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
    return Error::last_system("clear ambient capabilities");
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[2] = {};
  if (::syscall(SYS_capget, &header, sets) < 0) return Error::last_system("read capabilities");
  const std::uint32_t kept =
      has_dac_override ? sets[0].permitted & (1U << CAP_DAC_OVERRIDE) : 0;  // an ordinary user has none to keep
  sets[0] = {.effective = kept, .permitted = kept, .inheritable = 0};
  sets[1] = {};
  if (::syscall(SYS_capset, &header, sets) < 0) return Error::last_system("drop capabilities");
  return {};
}

Result<> allow(FdRef rules, const std::string& path, std::uint64_t access) {
  const Fd folder = TRY(open(path, O_PATH));
  landlock_path_beneath_attr rule{.allowed_access = access, .parent_fd = folder.get()};
  if (::syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0) {
    return Error::last_system("allow " + path);
  }
  return {};
}

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
/// struct landlock_ruleset_attr::handled_access_net of ABI 4: binding and connecting TCP.
constexpr std::uint64_t kTcp = 3;

Result<> restrict_by_landlock(const Kept& kept) {
  const int abi = landlock_abi();
  if (abi == 0) return {};
  abi::LandlockRuleset ruleset;
  ruleset.handled_access_fs = (1ULL << 13) - 1;  // everything of ABI 1
  if (abi >= 2) ruleset.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
  if (abi >= 3) ruleset.handled_access_fs |= abi::kLandlockTruncate;
  if (abi >= 4 && !kept.has_network) ruleset.handled_access_net = kTcp;
  if (abi >= 6 && !kept.has_network) ruleset.scoped = abi::kLandlockScopeAbstractUnixSocket | abi::kLandlockScopeSignal;
  const std::size_t size = abi >= 6 ? sizeof ruleset : abi >= 4 ? 2 * sizeof(std::uint64_t) : sizeof(std::uint64_t);
  const Fd rules(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &ruleset, size, 0)));
  if (!rules.is_open()) return Error::last_system("make a Landlock ruleset");
  const std::uint64_t everything_but_running = ruleset.handled_access_fs & ~std::uint64_t{LANDLOCK_ACCESS_FS_EXECUTE};
  for (const std::string& path : kept.writable) TRY(allow(rules.ref(), path, everything_but_running));
  const std::uint64_t use = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                            (ruleset.handled_access_fs & abi::kLandlockTruncate);
  for (const std::string& path : kept.usable) TRY(allow(rules.ref(), path, use));
  for (const std::string& path : kept.readable) {
    struct stat status{};
    if (::stat(path.c_str(), &status) < 0) continue;
    const std::uint64_t read = S_ISDIR(status.st_mode) ? kRead : std::uint64_t{LANDLOCK_ACCESS_FS_READ_FILE};
    TRY(allow(rules.ref(), path, read));
  }
  TRY(allow(rules.ref(), "/proc", kRead));
  if (::syscall(SYS_landlock_restrict_self, rules.get(), 0) < 0)
    return Error::last_system("restrict ourselves with Landlock");
  return {};
}

}  // namespace

Result<> confine_self(const Kept& kept) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return Error::last_system("forbid new privileges");
  TRY(restrict_by_landlock(kept));
  return drop_capabilities(kept.has_dac_override);
}

}  // namespace brig::sys
