#pragma once
/// brig sandbox snapshot and fork: copies of a sandbox's files.
#include <functional>

#include <boost/json/fwd.hpp>

#include "base/result.h"
#include "commands.h"

namespace brig::client {

int sandbox_snapshot(const Words& words);
int sandbox_fork(const Words& words);

/// Asks for each, says what fails and goes on; the exit code of the first that failed.
int for_each(const std::vector<std::string>& ids,
             const std::function<Result<boost::json::value>(const std::string&)>& ask);

}  // namespace brig::client
