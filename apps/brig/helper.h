#pragma once
/// Where Brig's own other programs are.
#include <string>

#include "base/result.h"

namespace brig::cli {

/// The path of one of Brig's own programs ("brig-launch"): beside `brig`, or in ../libexec/brig/.
Result<std::string> find_helper(const std::string& name);

}  // namespace brig::cli
