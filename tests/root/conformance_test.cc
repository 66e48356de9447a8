// The conformance suite against every wall that this build knows.
#include "runtime/testing/conformance.h"

#include "runtimes/oci/oci_runtime.h"
#include "runtimes/process/process_runtime.h"

namespace brig::runtime::testing {
namespace {

constexpr const char* kLauncher = BRIG_BIN_DIR "/brig-launch";

WallUnderTest process() {
  return {"process", [](const asio::any_io_executor& /*executor*/) {
            return runtimes::process::make_process_runtime({.launcher = kLauncher});
          }};
}

WallUnderTest oci(std::string name, runtimes::process::Wall wall) {
  return {std::move(name), [wall](const asio::any_io_executor& /*executor*/) {
            return runtimes::oci::make_oci_runtime({.launcher = kLauncher}, wall);
          }};
}

using runtimes::process::Wall;

INSTANTIATE_TEST_SUITE_P(Process, Conformance, ::testing::Values(process()), wall_name);
INSTANTIATE_TEST_SUITE_P(Container, Conformance, ::testing::Values(oci("runc", Wall::kRunc)), wall_name);
INSTANTIATE_TEST_SUITE_P(Gvisor, Conformance, ::testing::Values(oci("runsc", Wall::kRunsc)), wall_name);

}  // namespace
}  // namespace brig::runtime::testing
