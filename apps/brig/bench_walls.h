#pragma once
/// The cases of `brig bench --runtime`: one for each wall that works here, next to the bare tool that makes such a
/// wall.
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench_case.h"

namespace brig::cli {

/// `wanted` is a wall's name, or "all". What the bare tools need is written into `scratch`, an empty folder that others
/// may enter. kUnsupported, with what mends it, if the wall (or every wall) cannot be built here.
Result<std::vector<Case>> wall_cases(const std::string& brig, const std::string& wanted, std::size_t rounds,
                                     const std::filesystem::path& scratch);

}  // namespace brig::cli
