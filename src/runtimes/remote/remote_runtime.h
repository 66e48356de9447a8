#pragma once
/// The remote wall: sandboxes that live in another Brig, so that a small machine can use a bigger one.
///
/// admit() asks the other side, which blocks for a network's time; the answer for one policy is kept. Sandboxes are
/// asked for with the whole policy, or refused here.
#include <memory>
#include <string>

#include "runtime/runtime.h"

namespace brig::runtimes::remote {

struct RemoteOptions {
  std::string url;          ///< "https://HOST:PORT", "http://" on this machine, "unix:PATH"
  std::string key;          ///< of the other Brig; empty for a Unix socket
  bool is_trusted = false;  ///< its word counts for policy::Boundary; else everything is the weakest
};

/// kInvalidArgument for a URL that cannot be used; whether somebody answers there, probe() and admit() find out. Blocks
/// for the look-up of a name.
Result<std::unique_ptr<runtime::Runtime>> make_remote_runtime(RemoteOptions options);

}  // namespace brig::runtimes::remote
