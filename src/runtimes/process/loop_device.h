#pragma once
/// Loop devices: a file as a block device, for file systems that want one.
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace brig::runtimes::process {

enum class LoopAccess : std::uint8_t { kReadOnly, kReadWrite };

/// Goes when its last user goes: this descriptor, or what was mounted from it.
struct LoopDevice {
  Fd device;
  std::string path;  ///< "/dev/loop3"
};

/// For root. kUnavailable if others take every free device first.
Result<LoopDevice> attach_loop(FdRef file, LoopAccess access);

}  // namespace brig::runtimes::process
