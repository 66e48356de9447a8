/// What brig-launch reads from whoever asks, and what comes back: any bytes decode to a bounded value or an error. A
/// request that decodes also compiles, to a plan in order that brig-init can read, or to an error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "runtimes/process/compile.h"
#include "runtimes/process/testing/hosts.h"

namespace {

using namespace brig::runtimes::process;

void compile_on(const LaunchRequest& request, HostReport host) {
  const std::vector<MountIdentity> identities(host.is_root ? 0 : request.mounts.size(),
                                              MountIdentity{.device = 1, .inode = 1});
  const auto plan = compile(request, host, identities);
  if (!plan.has_value()) return;
  if (!check_order(*plan).has_value()) std::abort();
  (void)describe(*plan);
  (void)encode(*plan).has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)decode_reply(bytes).has_value();
  const auto question = decode_ask(bytes);
  if (question.has_value()) {
    const auto repeated = decode_ask(encode(*question));
    if (!repeated.has_value() || *repeated != *question) std::abort();
  }
  const auto request = decode_request(bytes);
  if (!request.has_value()) return 0;
  const auto again = decode_request(encode(*request));
  if (!again.has_value() || *again != *request) std::abort();
  compile_on(*request, full_host());
  compile_on(*request, rootless_host());
  return 0;
}
