#include "api/e2b/files.h"

namespace brig::api::e2b {

void Files::add_to(http::Router& router) {
  router.add("GET /health", "e2b_health", [this](http::Exchange& e) { return health(e); });
}

/// Needs no token: the client asks it to learn whether the sandbox lives.
Task<> Files::health(http::Exchange& exchange) { co_return co_await exchange.send(204, {}, {}); }

}  // namespace brig::api::e2b
