// The conformance suite against every wall that this build knows.
#include "runtime/testing/conformance.h"

#include "runtimes/process/process_runtime.h"

namespace brig::runtime::testing {
namespace {

std::unique_ptr<Runtime> make_process(const asio::any_io_executor& /*executor*/) {
  return runtimes::process::make_process_runtime({.launcher = BRIG_BIN_DIR "/brig-launch"});
}

INSTANTIATE_TEST_SUITE_P(Process, Conformance, ::testing::Values(WallUnderTest{"process", make_process}), wall_name);

}  // namespace
}  // namespace brig::runtime::testing
