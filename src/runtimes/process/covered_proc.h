#pragma once
/// covered_proc(): for walls whose /proc somebody else covers, name by name.
#include <string>
#include <vector>

#include "base/result.h"

namespace brig::runtimes::process {

/// What is at the top of this kernel's /proc besides processes and what may be seen (proc_shown()), as far as others
/// than root may read it. Sorted.
Result<std::vector<std::string>> covered_proc();

}  // namespace brig::runtimes::process
