#pragma once
/// The remote wall over a service that speaks the E2B API: its sandbox, our agent inside.
///
/// The service knows neither limits nor walls: what brig-init takes on itself over there is enforced, everything else
/// is a weakness, and what it attests is little. create() blocks for a network's time, before anything of the caller's
/// is given up; whatever ends this process ends the sandbox.
#include <memory>
#include <string>

#include "runtime/runtime.h"

namespace brig::runtimes::remote {

struct E2bOptions {
  std::string url;          ///< of the API, without the "e2b+" before it: "https://api.HOST"
  std::string sandbox_url;  ///< one address for all sandboxes; empty: each has a name of its own
  std::string key;          ///< X-API-KEY
  std::string template_name = "base";
  std::string program;  ///< the bytes of brig-init
};

/// kInvalidArgument for a URL that cannot be used. Blocks for the look-up of a name.
Result<std::unique_ptr<runtime::Runtime>> make_e2b_runtime(E2bOptions options);

}  // namespace brig::runtimes::remote
