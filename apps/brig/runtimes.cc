#include "runtimes.h"

#include "runtimes/oci/oci_runtime.h"

namespace brig::cli {

runtime::Walls make_walls(Use use, const RemoteFlags& /*remote*/) { return make_own_walls(use); }

runtime::Walls make_own_walls(Use use) {
  return runtime::Walls(runtimes::oci::launched_walls([use]() -> Result<runtimes::process::LauncherOptions> {
    return runtimes::process::LauncherOptions{.launcher = TRY(find_helper("brig-launch")),
                                              .is_single_use = use == Use::kOnce};
  }));
}

}  // namespace brig::cli
