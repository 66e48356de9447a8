#pragma once
/// What brig-worker does for Dockerfiles: read one, and copy files in roots that are being made.
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "image/plan.h"

namespace brig::image {

/// What the host tells about a build, as JSON: {"templates": {name: defaults}, "arguments": {name: value}, "target":
/// ""}. `context` is a tar: what the plan copies of it is there.
Result<BuildPlan> plan_build(std::string_view dockerfile, std::string_view options, FdRef context);

/// Copies what the step's sources name below `root` into folders of `out`; returns what the same step's sources are
/// then, in a tar of `out`.
Result<std::vector<std::string>> gather(FdRef root, const PlanStep& step, FdRef out);

}  // namespace brig::image
