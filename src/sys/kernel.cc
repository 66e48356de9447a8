#include "sys/kernel.h"

#include <sys/utsname.h>
#include <unistd.h>

#include "sys/abi.h"

namespace brig::sys {

int landlock_abi() {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

std::string kernel_name() {
  utsname name{};
  if (::uname(&name) < 0) return "unknown";
  return std::string(name.sysname) + " " + name.release;
}

}  // namespace brig::sys
