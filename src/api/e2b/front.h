#pragma once
/// Front: E2B's data plane on the daemon's own port. Takes the requests that are for what is inside a sandbox and gives
/// each to what answers for that port: the agent (envd, 49983), the code interpreter (49999), or a server inside.
#include <memory>

#include "api/e2b/files.h"
#include "api/e2b/guests.h"
#include "api/e2b/interpreter.h"
#include "api/e2b/watchers.h"
#include "http/router.h"

namespace brig::api::e2b {

class Front {
 public:
  /// References outlive it. `domains` are those below which host names mean ports; any will do from this machine.
  Front(Guests& guests, Lives& lives, std::vector<std::string> domains, asio::any_io_executor executor);
  Front(const Front&) = delete;
  Front& operator=(const Front&) = delete;

  /// Whether the request is for a sandbox's inside: then it is handle()'s, whatever its path.
  [[nodiscard]] bool is_for_guest(const http::Exchange& exchange) const;
  /// Whether is_for_guest() means the agent: web pages that may use the API may use it as well. Pages never speak to
  /// interpreters, and servers inside say themselves who may.
  [[nodiscard]] static bool is_for_agent(const http::Exchange& exchange);
  Task<> handle(http::Exchange& exchange);

 private:
  Task<> pass(http::Exchange& exchange);

  Guests& guests_;
  Lives& lives_;
  std::vector<std::string> domains_;
  // What answers on the two ports of ours. Each is made here and adds its routes in the constructor.
  Files files_;
  Watchers watchers_;
  Interpreter cells_;
  http::Router envd_;
  http::Router interpreter_;
};

}  // namespace brig::api::e2b
