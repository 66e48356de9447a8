#pragma once
/// What the kernel says about itself, asked without changing anything.
#include <string>

namespace brig::sys {

/// The Landlock ABI of this kernel; 0 if it has none (not built, or not in the list of active modules).
int landlock_abi();

/// "Linux 6.18.0".
std::string kernel_name();

}  // namespace brig::sys
