#include "http/router.h"

#include <algorithm>
#include <map>

#include "base/check.h"

namespace brig::http {
namespace {

bool is_name(std::string_view part) { return part.size() > 2 && part.starts_with('{') && part.ends_with('}'); }
bool takes_rest(std::string_view part) { return is_name(part) && part.ends_with("...}"); }
std::string_view name_in(std::string_view part) { return part.substr(1, part.size() - (takes_rest(part) ? 5 : 2)); }

std::vector<std::string_view> parts_of(std::string_view pattern) {
  std::vector<std::string_view> parts;
  if (pattern == "/") return parts;
  pattern.remove_prefix(1);
  while (true) {
    const auto end = pattern.find('/');
    parts.push_back(pattern.substr(0, end));
    if (end == std::string_view::npos) return parts;
    pattern.remove_prefix(end + 1);
  }
}

}  // namespace

/// One place in the tree of patterns: what may follow, and what ends here.
struct Router::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> any;                             ///< {name}
  std::unique_ptr<Node> rest;                            ///< {name...}
  std::map<std::string, std::size_t, std::less<>> ends;  ///< by method, into routes_

  /// The nodes at which `segments` may end, the most literal first.
  void find(std::span<const std::string> segments, std::vector<const Node*>& found) const {
    if (segments.empty()) {
      if (!ends.empty()) found.push_back(this);
    } else {
      const auto literal = literals.find(segments.front());
      if (literal != literals.end()) literal->second->find(segments.subspan(1), found);
      if (any != nullptr && !segments.front().empty()) any->find(segments.subspan(1), found);
    }
    if (rest != nullptr) found.push_back(rest.get());
  }

  const std::size_t* route_for(std::string_view method) const {
    auto end = ends.find(method);
    if (end == ends.end() && method == "HEAD") end = ends.find("GET");
    if (end == ends.end()) end = ends.find("*");
    return end == ends.end() ? nullptr : &end->second;
  }
};

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;

std::span<const Route> Router::routes() const { return routes_; }

void Router::add(std::string_view what, std::string_view name, Handler handler) {
  const auto blank = what.find(' ');
  BRIG_CHECK(blank != std::string_view::npos && what.substr(blank + 1).starts_with('/'), what);
  const std::string_view method = what.substr(0, blank);
  const std::string_view pattern = what.substr(blank + 1);
  BRIG_CHECK(is_token(method), what);
  Node* node = root_.get();
  const auto parts = parts_of(pattern);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    BRIG_CHECK(is_name(parts[i]) || !parts[i].contains('{'), what);
    BRIG_CHECK(!takes_rest(parts[i]) || i + 1 == parts.size(), what);
    std::unique_ptr<Node>& next = takes_rest(parts[i]) ? node->rest
                                  : is_name(parts[i])  ? node->any
                                                       : node->literals[std::string(parts[i])];
    if (next == nullptr) next = std::make_unique<Node>();
    node = next.get();
  }
  const bool is_new = node->ends.emplace(method, routes_.size()).second;
  BRIG_CHECK(is_new, what);
  routes_.push_back({.method = std::string(method),
                     .pattern = std::string(pattern),
                     .name = std::string(name),
                     .handler = std::move(handler)});
}

Router::Match Router::match(std::string_view method, const Target& target) const {
  Match match;
  std::vector<const Node*> found;
  if (target.path != "*") root_->find(target.segments, found);
  for (const Node* node : found) {
    if (const std::size_t* index = node->route_for(method)) {
      match.route = &routes_[*index];
      break;
    }
    for (const auto& [allowed, index] : node->ends) {
      match.allowed.push_back(allowed);
      if (allowed == "GET") match.allowed.emplace_back("HEAD");
    }
  }
  if (match.route == nullptr) {
    std::ranges::sort(match.allowed);
    match.allowed.erase(std::ranges::unique(match.allowed).begin(), match.allowed.end());
    return match;
  }
  match.allowed.clear();
  const auto parts = parts_of(match.route->pattern);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!is_name(parts[i])) continue;
    std::string value;
    if (takes_rest(parts[i])) {
      for (std::size_t j = i; j < target.segments.size(); ++j) {
        if (j > i) value.push_back('/');
        value.append(target.segments[j]);
      }
    } else {
      value = target.segments[i];
    }
    match.parameters.emplace_back(name_in(parts[i]), std::move(value));
  }
  return match;
}

Task<> Router::handle(Exchange& exchange) const {
  Match found = match(exchange.method(), exchange.target());
  if (found.route != nullptr) {
    exchange.set_route(found.route->name, std::move(found.parameters));
    co_return co_await found.route->handler(exchange);
  }
  if (found.allowed.empty()) {
    co_return co_await exchange.send(
        error_reply(404, "not_found", "there is nothing at this path", exchange.request_id()));
  }
  Reply reply = error_reply(405, "method_not_allowed", "this path does not know the method " + exchange.method(),
                            exchange.request_id());
  std::string allow;
  for (const std::string& method : found.allowed) allow += (allow.empty() ? "" : ", ") + method;
  reply.headers.add("Allow", std::move(allow));
  co_return co_await exchange.send(std::move(reply));
}

}  // namespace brig::http
