#include "runtimes/oci/oci_runtime.h"

#include <string>
#include <utility>
#include <vector>

#include "runtimes/oci/confirm.h"
#include "runtimes/oci/oci_maker.h"
#include "runtimes/oci/probe.h"
#include "runtimes/oci/program.h"
#include "runtimes/process/process_runtime.h"

namespace brig::runtimes::oci {

std::unique_ptr<runtime::Runtime> make_oci_runtime(process::LauncherOptions options, process::Wall wall) {
  const bool is_gvisor = wall == Wall::kRunsc;
  return process::make_launched_runtime(
      std::move(options),
      {.name = std::string(wall_name(wall)),
       .wall = wall,
       .boundary = is_gvisor ? policy::Boundary::kUserSpaceKernel : policy::Boundary::kSharedKernel,
       .makers = maker_of,
       .probe = [wall](const process::HostReport& host,
                       const std::string& launcher) { return probe_wall(wall, host, launcher); },
       .is_possible = [wall](const process::HostReport& host) { return is_possible(wall, host); },
       .weaknesses = [wall](const policy::Limits& limits,
                            const process::HostReport& host) { return weaknesses_of(wall, limits, host); }});
}

std::vector<runtime::Walls::Offer> launched_walls(std::function<Result<process::LauncherOptions>()> options) {
  const auto oci = [&](Wall wall) {
    return [options, wall]() -> Result<std::unique_ptr<runtime::Runtime>> {
      return make_oci_runtime(TRY(options()), wall);
    };
  };
  std::vector<runtime::Walls::Offer> offers;
  offers.push_back({"process", [options]() -> Result<std::unique_ptr<runtime::Runtime>> {
                      return process::make_process_runtime(TRY(options()));
                    }});
  offers.push_back({"container", oci(Wall::kRunc)});
  offers.push_back({"gvisor", oci(Wall::kRunsc)});
  return offers;
}

}  // namespace brig::runtimes::oci
