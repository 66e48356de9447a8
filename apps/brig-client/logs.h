#pragma once
/// What the commands of a sandbox printed, or print.
#include "base/result.h"
#include "remote.h"

namespace brig::client {

/// What they printed, on our stdout.
Result<> show_logs(Remote& remote, const std::string& sandbox);
/// The same and what comes, line by line, each on its own stream, until the sandbox ends.
Result<> follow_logs(Remote& remote, const std::string& sandbox);

}  // namespace brig::client
