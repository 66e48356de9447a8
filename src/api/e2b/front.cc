#include "api/e2b/front.h"

#include <algorithm>

#include <boost/json/value.hpp>

#include "api/common/proxy.h"
#include "api/e2b/errors.h"
#include "api/e2b/filesystem_service.h"
#include "api/e2b/process_service.h"
#include "json/json.h"

namespace brig::api::e2b {
namespace {

bool is_loopback(const http::Peer& peer) {
  return peer.is_unix || peer.address.starts_with("127.") || peer.address.starts_with("[::1]");
}

/// An address that E2B's clients made for a file: neither headers nor host name say of which sandbox.
bool is_signed_file(const http::Exchange& exchange) {
  return exchange.target().path == "/files" && exchange.target().find("signature") != nullptr;
}

/// `mask` with the port in place of "${PORT}".
std::string masked_host(std::string mask, std::uint16_t port) {
  constexpr std::string_view kPort = "${PORT}";
  const std::string number = std::to_string(port);
  for (auto at = mask.find(kPort); at != std::string::npos; at = mask.find(kPort, at + number.size()))
    mask.replace(at, kPort.size(), number);
  return mask;
}

/// What E2B's clients read of a port behind which nobody is.
http::Reply port_reply(const http::Exchange& exchange, std::string_view code, std::string_view sentence) {
  const auto name = named_guest(exchange);
  const bool is_named = name && *name;
  boost::json::object object{{"sandboxId", is_named ? (*name)->sandbox_id : std::string()},
                             {"message", "The sandbox is running but port is not open"},
                             {"port", is_named ? (*name)->port : 0},
                             {"code", 502},
                             {"detail", sentence}};
  if (code != "no_listener") object["message"] = sentence;
  return {.status = 502, .headers = {{"Content-Type", "application/json"}}, .body = json::write(object) + "\n"};
}

}  // namespace

Front::Front(Guests& guests, Lives& lives, std::vector<std::string> domains, asio::any_io_executor executor)
    : guests_(guests), lives_(lives), domains_(std::move(domains)), files_(guests), watchers_(std::move(executor)),
      cells_(guests) {
  files_.add_to(envd_);
  add_process_service(envd_, guests);
  add_filesystem_service(envd_, guests, watchers_);
  cells_.add_to(interpreter_);
}

bool Front::is_for_guest(const http::Exchange& exchange) const {
  if (exchange.header("E2b-Sandbox-Id") != nullptr || exchange.header("E2b-Sandbox-Port") != nullptr) return true;
  const auto host = parse_port_host(exchange.host());
  if (!host) return is_signed_file(exchange);
  if (std::ranges::find(domains_, host->domain) == domains_.end() && !is_loopback(exchange.peer())) return false;
  // Any other port of a sandbox that E2B's clients know nothing of is opened by a key or a preview.
  return host->name.port == kEnvdPort || host->name.port == kInterpreterPort ||
         lives_.find(host->name.sandbox_id) != nullptr;
}

bool Front::is_for_agent(const http::Exchange& exchange) {
  const auto name = named_guest(exchange);
  return name && (*name ? (*name)->port == kEnvdPort : is_signed_file(exchange));
}

Task<> Front::handle(http::Exchange& exchange) {
  exchange.set_route("e2b_guest", {});
  CO_TRY_VOID(co_await guests_.wake(exchange));
  CO_TRY(const auto name, named_guest(exchange));
  const std::uint16_t port = name ? name->port : kEnvdPort;
  if (port != kEnvdPort && port != kInterpreterPort) co_return co_await pass(exchange);
  // Before anything else: whatever is asked of a sandbox that is not there has the same answer.
  CO_TRY(const Guest guest, guests_.find(exchange));
  if (port == kInterpreterPort) CO_TRY_VOID(guests_.expect_traffic(exchange, guest));
  const http::Router& router = port == kEnvdPort ? envd_ : interpreter_;
  if (router.match(exchange.method(), exchange.target()).route == nullptr)
    co_return co_await exchange.send(error_reply(404, "there is nothing at this path of port " + std::to_string(port)));
  co_return co_await router.handle(exchange);
}

/// To a server inside.
Task<> Front::pass(http::Exchange& exchange) {
  exchange.set_route("e2b_port", {});
  CO_TRY(Guest guest, guests_.find(exchange));
  CO_TRY_VOID(guests_.expect_traffic(exchange, guest));
  const Life* life = lives_.find(guest.sandbox->spec().id);
  Passage passage{.sandbox = guest.sandbox,
                  .port = guest.port,
                  .target = exchange.target().text(),
                  .prefix = {},
                  .cookie = {},
                  .may_pass_authorization = true,
                  .host = life != nullptr ? masked_host(life->network.mask_host, guest.port) : std::string(),
                  .refuse = port_reply};
  co_return co_await pass_on(exchange, std::move(passage));
}

}  // namespace brig::api::e2b
