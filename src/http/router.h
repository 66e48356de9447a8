#pragma once
/// Router: from method and path to a handler.
///
/// Patterns are "METHOD /literal/{name}/…"; `{name}` takes exactly one segment, a last `{name...}` all that follow
/// (also none). A literal goes before a name. HEAD is answered by GET's handler, OPTIONS by nobody unless routed. Any
/// method: "* /path". Unknown paths are 404, known paths with another method 405 with `Allow`.
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/exchange.h"

namespace brig::http {

struct Route {
  std::string method;
  std::string pattern;  ///< "/v1/sandboxes/{id}"
  std::string name;     ///< stable, for metrics and the API's description: "sandbox_get"
  Handler handler;
};

class Router {
 public:
  Router();
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;
  ~Router();

  /// `what` is "GET /v1/sandboxes/{id}". A malformed or a second equal pattern is a bug of ours: BRIG_CHECK.
  void add(std::string_view what, std::string_view name, Handler handler);
  [[nodiscard]] std::span<const Route> routes() const;

  /// Finds the route, tells the exchange its name and parameters, runs it; or answers 404 or 405.
  Task<> handle(Exchange& exchange) const;

  /// What handle() would do: the route and the values of its names; or which methods the path knows (none: 404).
  struct Match {
    const Route* route = nullptr;
    std::vector<std::pair<std::string, std::string>> parameters;
    std::vector<std::string> allowed;
  };
  [[nodiscard]] Match match(std::string_view method, const Target& target) const;

 private:
  struct Node;
  std::vector<Route> routes_;
  std::unique_ptr<Node> root_;
};

}  // namespace brig::http
