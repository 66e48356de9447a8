/// 421_move_mount: calls move_mount and mount_setattr with folders that do not exist.
/// Expected: the filter.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  std::uint64_t attributes[4] = {1, 0, 0, 0};  // set MOUNT_ATTR_RDONLY
  const long moved = ::syscall(SYS_move_mount, AT_FDCWD, "/nonexistent/a", AT_FDCWD, "/nonexistent/b", 0U);
  const Finding move = refused("move_mount", moved);
  const long set = ::syscall(442 /* mount_setattr */, AT_FDCWD, "/nonexistent/a", 0U, attributes, sizeof attributes);
  return worst({move, refused("mount_setattr", set)});
}

}  // namespace

constinit const Probe k421MoveMount = {
    .name = "421_move_mount",
    .group = Group::kKernel,
    .attack = "reach the new mount interface: move and change mounts",
    .cve = "",
    .refusal = "the filter",
    .run = run,
};

}  // namespace brig::attack::probes
