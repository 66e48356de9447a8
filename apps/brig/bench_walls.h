#pragma once
/// The cases of `brig bench --runtime`: one for each wall that works here, next to the bare tool that makes such a
/// wall.
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench_case.h"
#include "bench_engines.h"

namespace brig::cli {

struct Skipped {
  std::string wall;
  std::string why;
};

struct WallCases {
  std::vector<Case> cases;
  std::vector<Skipped> skipped;     ///< walls that cannot be built here
  std::vector<DockerImage> images;  ///< that the cases need
};

/// `wanted` is a wall's name, or "all": these are the walls of this program and the engines of this machine. What the
/// bare tools need is written into `scratch`, an empty folder that others may enter. kUnsupported, with what mends it,
/// if the wall (or every wall) cannot be built here.
Result<WallCases> wall_cases(const std::string& brig, const std::string& wanted, std::size_t rounds,
                             const std::filesystem::path& scratch);

}  // namespace brig::cli
