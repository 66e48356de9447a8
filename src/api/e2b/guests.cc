#include "api/e2b/guests.h"

#include "api/common/caller.h"
#include "api/e2b/errors.h"
#include "store/ids.h"

namespace brig::api::e2b {
namespace {

Error no_guest() { return {Code::kNotFound, std::string(kNoGuest)}; }

Error unauthorized(std::string_view why) { return {Code::kDenied, std::string(kUnauthenticated) + std::string(why)}; }

SignedFile signed_file(const http::Exchange& exchange) {
  const auto parameter = [&](std::string_view name) {
    const std::string* text = exchange.target().find(name);
    return text != nullptr ? *text : std::string();
  };
  SignedFile file{.path = parameter("path"),
                  .username = parameter("username"),
                  .signature = parameter("signature"),
                  .expiration = {}};
  if (const std::string* expiration = exchange.target().find("signature_expiration")) file.expiration = *expiration;
  return file;
}

FileAccess access_of(const http::Exchange& exchange) {
  return exchange.method() == "GET" || exchange.method() == "HEAD" ? FileAccess::kRead : FileAccess::kWrite;
}

bool has_token(const http::Exchange& exchange, const Tokens& tokens, std::string_view id) {
  const std::string* access = exchange.header("X-Access-Token");
  if (access != nullptr && is_same_secret(*access, tokens.access(id))) return true;
  const std::string* traffic = exchange.header("E2b-Traffic-Access-Token");
  return traffic != nullptr && is_same_secret(*traffic, tokens.traffic(id));
}

}  // namespace

Result<std::optional<PortName>> named_guest(const http::Exchange& exchange) {
  const std::string* id = exchange.header("E2b-Sandbox-Id");
  const std::string* port = exchange.header("E2b-Sandbox-Port");
  if (id != nullptr || port != nullptr) {
    const auto number = port != nullptr ? parse_port(*port) : std::optional<std::uint16_t>();
    if (id == nullptr || !number)
      return Error(Code::kInvalidArgument, "E2b-Sandbox-Id and E2b-Sandbox-Port name a sandbox and its port together");
    // An id that cannot be is that of a sandbox that is not there.
    return PortName{.sandbox_id = store::is_id(*id) ? *id : std::string(), .port = *number};
  }
  auto host = parse_port_host(exchange.host());
  if (!host) return std::optional<PortName>();
  return std::move(host->name);
}

Result<std::shared_ptr<sandboxes::Sandbox>> Guests::admit(const http::Exchange& exchange, std::string_view id) {
  auto sandbox = sandboxes_.find_any(id);
  if (!sandbox) return no_guest();
  const store::Key key = TRY(store_.keys().get((*sandbox)->spec().key_id));
  if (!key.is_valid(clock_())) return no_guest();
  // A share of their own: whoever only knows an id locks nobody out who has a token, or the key.
  TRY(exchange.count_for(has_token(exchange, tokens_, id) ? key.id : "guests of " + key.id));
  return sandbox;
}

Result<Guest> Guests::find(const http::Exchange& exchange) {
  const auto name = TRY(named_guest(exchange));
  if (!name) return find_signed(exchange);
  auto sandbox = TRY(admit(exchange, name->sandbox_id));
  if (sandbox->life().state() != sandboxes::State::kRunning) return no_guest();
  return Guest{.sandbox = sandbox, .use = sandbox->use(), .port = name->port};
}

Result<Guest> Guests::find_signed(const http::Exchange& exchange) {
  const SignedFile file = signed_file(exchange);
  if (!is_signature(file.signature)) return unauthorized("invalid signature");
  const FileAccess access = access_of(exchange);
  for (const std::string& id : lives_.ids()) {
    if (!is_same_secret(file.signature, file_signature(file, access, tokens_.access(id)))) continue;
    auto sandbox = TRY(admit(exchange, id));
    if (sandbox->life().state() != sandboxes::State::kRunning) return no_guest();
    return Guest{.sandbox = sandbox, .use = sandbox->use(), .port = kEnvdPort};
  }
  return unauthorized("invalid signature");
}

Result<> Guests::expect_access_token(const http::Exchange& exchange, const Guest& guest) const {
  const std::string* token = exchange.header("X-Access-Token");
  if (token != nullptr && is_same_secret(*token, tokens_.access(guest.sandbox->spec().id))) return {};
  return unauthorized("unauthorized access, please provide a valid access token or method signing if supported");
}

Result<> Guests::expect_file_access(const http::Exchange& exchange, const Guest& guest, FileAccess access) const {
  if (exchange.header("X-Access-Token") != nullptr) return expect_access_token(exchange, guest);
  const SignedFile file = signed_file(exchange);
  if (file.signature.empty()) return unauthorized("missing signature query parameter");
  auto good = check_signature(file, access, tokens_.access(guest.sandbox->spec().id), clock_());
  if (!good && good.error().code() == Code::kDenied) return unauthorized(good.error().message());
  return good;
}

Result<> Guests::expect_traffic(const http::Exchange& exchange, const Guest& guest) const {
  const Life* life = lives_.find(guest.sandbox->spec().id);
  if (life != nullptr && life->network.is_public) return {};
  const std::string* token = exchange.header("E2b-Traffic-Access-Token");
  if (token != nullptr && is_same_secret(*token, tokens_.traffic(guest.sandbox->spec().id))) return {};
  return Error(Code::kDenied, "this sandbox's ports are not public: send its E2b-Traffic-Access-Token");
}

Task<> Guests::wake(http::Exchange& exchange) {
  const auto name = named_guest(exchange);
  if (!name || !*name) co_return Result<>();
  const auto sandbox = admit(exchange, (*name)->sandbox_id);
  if (!sandbox || (*sandbox)->life().state() != sandboxes::State::kPaused) co_return Result<>();
  const Life* life = lives_.find((*name)->sandbox_id);
  if (life == nullptr || !life->wakes) co_return Result<>();
  // Not for everybody who knows the id: who asks must be somebody who would be let in.
  const Guest guest{.sandbox = *sandbox, .use = {}, .port = (*name)->port};
  const bool may = guest.port == kEnvdPort ? expect_access_token(exchange, guest).has_value()
                                           : expect_traffic(exchange, guest).has_value();
  if (!may) co_return Result<>();
  auto resumed = co_await lives_.resume(*sandbox, life->timeout);
  // Two may come at once, and the second finds it awake.
  if (!resumed && resumed.error().code() == Code::kConflict) co_return Result<>();
  co_return resumed;
}

}  // namespace brig::api::e2b
