#include "runtimes/process/loop_device.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "sys/file.h"

namespace brig::runtimes::process {

Result<LoopDevice> attach_loop(FdRef file, LoopAccess access) {
  const bool is_read_only = access == LoopAccess::kReadOnly;
  const Fd control = TRY(sys::open("/dev/loop-control", O_RDWR));
  for (int attempt = 0; attempt < 16; ++attempt) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return Error::last_system("find a free loop device");
    LoopDevice loop{.device = {}, .path = "/dev/loop" + std::to_string(number)};
    loop.device = TRY(sys::open(loop.path, is_read_only ? O_RDONLY : O_RDWR));
    loop_config config{};
    config.fd = static_cast<std::uint32_t>(file.get());
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR | (is_read_only ? LO_FLAGS_READ_ONLY : 0U);
    if (::ioctl(loop.device.get(), LOOP_CONFIGURE, &config) == 0) return loop;
    if (errno != EBUSY) return Error::last_system("set up " + loop.path);
  }
  return Error(Code::kUnavailable, "every free loop device was taken by somebody else");
}

}  // namespace brig::runtimes::process
