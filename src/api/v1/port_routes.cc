#include <boost/json/value.hpp>

#include "api/common/proxy.h"
#include "api/v1/api.h"
#include "api/v1/read.h"
#include "api/v1/render.h"

namespace brig::api::v1 {
namespace {

namespace bj = boost::json;

std::string scheme_of(const http::Exchange& exchange) { return exchange.peer().is_tls ? "https://" : "http://"; }

/// The prefix of what is proxied by path.
std::string path_of(const PortName& name) {
  return "/v1/sandboxes/" + name.sandbox_id + "/ports/" + std::to_string(name.port);
}

bool is_loopback(const http::Peer& peer) {
  return peer.is_unix || peer.address.starts_with("127.") || peer.address.starts_with("[::1]");
}

/// ":2744", as the client reached us; empty for the scheme's own.
std::string port_suffix(std::string_view authority) {
  const auto colon = authority.rfind(':');
  if (colon == std::string_view::npos || authority.ends_with(']')) return {};
  return std::string(authority.substr(colon));
}

Result<PortName> name_of(const http::Exchange& exchange) {
  const auto port = parse_port(exchange.parameter("port"));
  if (!port) return Error(Code::kInvalidArgument, "a port is a number from 1 to 65535");
  return PortName{.sandbox_id = std::string(exchange.parameter("id")), .port = *port};
}

bool wants_page(const http::Exchange& exchange) {
  const std::string* accepted = exchange.header("Accept");
  return (exchange.method() == "GET" || exchange.method() == "HEAD") && accepted != nullptr &&
         accepted->contains("text/html");
}

/// "http://8000-id.example:2744/page" -> "8000-id.example:2744"
std::string_view authority_of(std::string_view url) {
  const auto begin = url.find("://");
  if (begin == std::string_view::npos) return {};
  url.remove_prefix(begin + 3);
  return url.substr(0, url.find_first_of("/?#"));
}

/// Whether a page at `url` may use what it reaches with the visitor's cookie as its own: the address that was asked
/// for, or another port of the same sandbox.
bool is_kin(const http::Exchange& exchange, std::string_view url) {
  const std::string_view authority = authority_of(url);
  if (authority.empty()) return false;
  if (http::equals_ignoring_case(authority, exchange.authority())) return true;
  if (port_suffix(authority) != port_suffix(exchange.authority())) return false;
  const auto theirs = parse_port_host(authority.substr(0, authority.find(':')));
  const auto ours = parse_port_host(exchange.host());
  return theirs && ours && theirs->name.sandbox_id == ours->name.sandbox_id && theirs->domain == ours->domain;
}

/// A browser sends a cookie along whoever's page asks, and says whose it is. A cookie alone lets in who opens the
/// address, and pages of the same sandbox; not a page of another sandbox below the same domain, nor of anybody else's.
bool is_of_another_page(const http::Exchange& exchange) {
  if (const std::string* origin = exchange.header("Origin")) return !is_kin(exchange, *origin);
  const std::string* site = exchange.header("Sec-Fetch-Site");
  if (site == nullptr || *site == "same-origin" || *site == "none") return false;
  const std::string* mode = exchange.header("Sec-Fetch-Mode");
  if (mode != nullptr && *mode == "navigate") return false;
  const std::string* referer = exchange.header("Referer");
  return referer == nullptr || !is_kin(exchange, *referer);
}

Error unauthenticated(const Error& why) { return {Code::kDenied, std::string(kUnauthenticated) + why.message()}; }

}  // namespace

void Api::add_port_routes(http::Router& router) {
  const std::string at = "/v1/sandboxes/{id}/ports";
  router.add("GET " + at, "port_list", [this](http::Exchange& e) { return awake(e, &Api::list_ports); });
  router.add("POST " + at + "/{port}/preview", "preview_create", [this](http::Exchange& e) { return make_preview(e); });
  router.add("* " + at + "/{port}/{path...}", "port_proxy", [this](http::Exchange& e) { return proxy_path(e); });
}

std::string Api::host_url(const http::Exchange& exchange, const PortName& name) const {
  return scheme_of(exchange) + std::to_string(name.port) + "-" + name.sandbox_id + "." + ports_.domain +
         port_suffix(exchange.authority()) + "/";
}

Task<> Api::list_ports(http::Exchange& exchange) {
  CO_TRY(const Found found, find_to_use(exchange));
  CO_TRY(guest::Session * session, found.sandbox->session());
  CO_TRY(const std::vector<std::uint16_t> listening, co_await session->listening_ports());
  bj::array ports;
  for (const std::uint16_t port : listening) {
    const PortName name{.sandbox_id = found.sandbox->spec().id, .port = port};
    ports.push_back(bj::object{{"port", port},
                               {"label", nullptr},
                               {"listening", true},
                               {"source", "detected"},
                               {"proxy_url", host_url(exchange, name)},
                               {"path_url", scheme_of(exchange) + exchange.authority() + path_of(name) + "/"}});
  }
  co_return co_await exchange.send_json(200, text_of({{"ports", std::move(ports)}}));
}

Task<> Api::make_preview(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  CO_TRY(const PortName name, name_of(exchange));
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  CO_TRY(const Milliseconds lifetime, read_preview(body));
  const WallTime expires_at = std::chrono::floor<std::chrono::seconds>(clock_() + lifetime + Milliseconds{999});
  const std::string pass = "?" + std::string(kPreviewName) + "=" + ports_.signer.sign(name, expires_at);
  const std::string by_host = host_url(exchange, name) + pass;
  const std::string by_path = scheme_of(exchange) + exchange.authority() + path_of(name) + "/" + pass;
  // A name below "localhost" leads nowhere from another machine.
  const bool is_name_known = ports_.domain != "localhost" || is_loopback(exchange.peer());
  co_return co_await exchange.send_json(201, text_of({{"url", is_name_known ? by_host : by_path},
                                                      {"host_url", by_host},
                                                      {"path_url", by_path},
                                                      {"expires_at", format(expires_at)}}));
}

/// With a preview's pass, from the address or from the cookie that it became; else with a key.
Result<Api::Admitted> Api::admit(const http::Exchange& exchange, const PortName& name, bool is_by_path) {
  const auto owner_lets_in = [&]() -> Result<std::shared_ptr<sandboxes::Sandbox>> {
    // A preview is worth no more than the key of the sandbox it leads to.
    const store::Sandbox record = TRY(store_.sandboxes().get(name.sandbox_id));
    const store::Key key = TRY(store_.keys().get(record.key_id));
    if (!key.is_valid(clock_())) return Error(Code::kNotFound, "no sandbox " + name.sandbox_id + " lives here");
    TRY(exchange.count_for("visitors of " + key.id));  // a share of their own: they lock the owner out of nothing
    return sandboxes_.find(key, name.sandbox_id);
  };
  std::optional<Error> refusal;
  if (const std::string* pass = exchange.target().find(kPreviewName)) {
    auto good = ports_.signer.check(name, *pass, clock_());
    if (good) {
      const auto dot = pass->find('.');
      const std::int64_t left = std::stoll(pass->substr(0, dot)) - milliseconds_since_1970(clock_()) / 1000;
      return Admitted{.sandbox = TRY(owner_lets_in()),
                      .is_by_preview = true,
                      .cookie = std::string(kPreviewName) + "=" + *pass + "; Path=" +
                                (is_by_path ? path_of(name) + "/" : "/") + "; Max-Age=" + std::to_string(left) +
                                "; HttpOnly; SameSite=Lax" + (exchange.peer().is_tls ? "; Secure" : "")};
    }
    refusal = std::move(good).error();
  }
  for (const http::Field& field : exchange.headers()) {
    if (!http::equals_ignoring_case(field.name, "Cookie")) continue;
    for (const std::string_view pass : cookies_named(field.value, kPreviewName)) {
      auto good = ports_.signer.check(name, pass, clock_());
      if (good && is_of_another_page(exchange))
        good =
            Error(Code::kDenied, "a page of another origin may not use this preview's cookie; open its address there");
      if (good) return Admitted{.sandbox = TRY(owner_lets_in()), .is_by_preview = true, .cookie = {}};
      if (!refusal) refusal = std::move(good).error();
    }
  }
  auto with_key = caller(exchange);
  if (!with_key) return refusal ? unauthenticated(*refusal) : std::move(with_key).error();
  return Admitted{
      .sandbox = TRY(sandboxes_.find(with_key->key, name.sandbox_id)), .is_by_preview = false, .cookie = {}};
}

Task<> Api::proxy(http::Exchange& exchange, PortName name, std::string target, std::string prefix) {
  CO_TRY(Admitted admitted, admit(exchange, name, !prefix.empty()));
  if (hibernates(*admitted.sandbox)) CO_TRY_VOID(co_await wake_up(admitted.sandbox));
  Passage passage{.sandbox = std::move(admitted.sandbox),
                  .port = name.port,
                  .target = without_parameter(target, kPreviewName),
                  .prefix = std::move(prefix),
                  .cookie = std::move(admitted.cookie),
                  .may_pass_authorization = admitted.is_by_preview};
  if (!passage.cookie.empty() && wants_page(exchange)) {
    // A browser goes on with the cookie alone, so that no page sees the pass in its own address. Whole, because a path
    // that begins with "//" would be another host's.
    const std::string here = scheme_of(exchange) + exchange.authority();
    co_return co_await exchange.send(303,
                                     {{"Location", here + passage.prefix + passage.target},
                                      {"Set-Cookie", passage.cookie},
                                      {"Cache-Control", "no-store"},
                                      {"Referrer-Policy", "no-referrer"}},
                                     {});
  }
  co_return co_await pass_on(exchange, std::move(passage));
}

Task<> Api::proxy_path(http::Exchange& exchange) {
  CO_TRY(PortName name, name_of(exchange));
  const std::string prefix = path_of(name);
  constexpr std::size_t kSegmentsBefore = 5;
  if (exchange.target().segments.size() == kSegmentsBefore) {
    // Without the slash at the end, relative addresses of a page would lead elsewhere.
    const std::string& query = exchange.target().query;
    co_return co_await exchange.send(
        308, {{"Location", prefix + "/" + (query.empty() ? "" : "?" + query)}, {"Cache-Control", "no-store"}}, {});
  }
  std::string target = exchange.target().text_from(kSegmentsBefore);
  co_return co_await proxy(exchange, std::move(name), std::move(target), prefix);
}

bool Api::is_for_port(const http::Exchange& exchange) const {
  const std::string host = exchange.host();
  const auto found = parse_port_host(host);
  return found && (found->domain == ports_.domain || is_loopback(exchange.peer()));
}

Task<> Api::proxy_host(http::Exchange& exchange) {
  const std::string host = exchange.host();
  const auto found = parse_port_host(host);
  if (!found) co_return Error(Code::kInternal, "no port's host name");
  exchange.set_route("port_proxy", {{"id", found->name.sandbox_id}, {"port", std::to_string(found->name.port)}});
  co_return co_await proxy(exchange, found->name, exchange.target().text(), {});
}

}  // namespace brig::api::v1
