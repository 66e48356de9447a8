#pragma once
/// Giving up privileges of our own process, for good: what reads a guest's bytes should own nothing worth stealing.
#include <span>
#include <string>

#include "base/result.h"

namespace brig::sys {

/// What a process of ours keeps.
struct Kept {
  std::span<const std::string> writable;  ///< folders below which files may be read, made, written and removed
  std::span<const std::string> usable;    ///< files and devices that are there, to be read and written
  std::span<const std::string> readable;  ///< files and folders to be read; what is not there is left out
  bool has_network = true;  ///< false: no TCP port is bound and no connection made any more (kernels from 6.7 on), and
                            ///< no abstract socket or process outside is reached (from 6.12 on)
  bool has_dac_override =
      false;  ///< CAP_DAC_OVERRIDE if it is there, to write into somebody's folder; Landlock bounds where
};

/// No new privileges; no capability but what is kept, in any set; with Landlock, no execution, and no file opened by
/// path outside `kept.writable` and /proc (descriptors that are open already stay usable). On a kernel without Landlock
/// the rest still happens. Every act must succeed. For a single-threaded process; children made before are not touched.
Result<> confine_self(const Kept& kept);

}  // namespace brig::sys
