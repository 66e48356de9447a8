#pragma once
/// The walls by name: the one place of `brig` that names concrete ones.
#include <memory>
#include <string>

#include "base/result.h"
#include "runtime/runtime.h"

namespace brig::cli {

/// How long the runtime will be used: a launcher for one sandbox saves a process.
enum class Use : std::uint8_t { kOnce, kOften };

/// The wall of that name; "auto" is the strongest that this host can build. kInvalidArgument with a «did you mean» for
/// an unknown name, kNotFound if Brig's own helper programs are not where they were installed.
Result<std::unique_ptr<runtime::Runtime>> make_runtime(const std::string& name, Use use);

/// The path of one of Brig's own programs ("brig-launch"): beside `brig`, or in ../libexec/brig/.
Result<std::string> find_helper(const std::string& name);

}  // namespace brig::cli
