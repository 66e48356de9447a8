#include "api/common/proxy.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/this_coro.hpp>

#include "api/common/preview.h"
#include "async/notifier.h"
#include "async/timer.h"
#include "base/buffer.h"
#include "base/number.h"
#include "base/text.h"
#include "http/client.h"
#include "store/ids.h"

namespace brig::api {
namespace {

using std::string_view_literals::operator""sv;

constexpr std::size_t kPiece = std::size_t{64} << 10;
constexpr std::size_t kHeadMost = std::size_t{64} << 10;
/// A connection inside one machine: only a listener whose queue is full takes longer.
constexpr Milliseconds kDialLimit{10'000};
constexpr std::size_t kPortsNamed = 10;

/// A connection to a server inside, as a Stream.
class GuestStream final : public http::Stream {
 public:
  explicit GuestStream(std::unique_ptr<guest::Connection> connection) : connection_(std::move(connection)) {}

  Task<std::size_t> read_some(std::span<std::byte> buffer) override {
    auto count = co_await connection_->read_some(buffer);
    if (!count) co_return lost(count.error());
    co_return *count;
  }
  Task<> write_all(std::string_view bytes) override {
    auto written = co_await connection_->write_all(std::as_bytes(std::span(bytes)));
    if (!written) co_return lost(written.error());
    co_return Result<>();
  }
  Task<> shutdown_send() override { co_return connection_->shutdown_write(); }
  void close() override { connection_->close(); }

 private:
  /// An errno of a connection inside is not one of a file of the caller's.
  static Error lost(const Error& error) {
    return {error.os_error() != 0 ? Code::kUnavailable : error.code(), error.message()};
  }

  std::unique_ptr<guest::Connection> connection_;
};

bool is_one_of(std::string_view name, std::span<const std::string_view> list) {
  return std::ranges::any_of(list, [&](std::string_view one) { return http::equals_ignoring_case(one, name); });
}

/// Of one connection, not of the message (RFC 9110, 7.6.1), or the HTTP room's own to write.
bool is_hop_by_hop(std::string_view name, const http::Headers& headers) {
  static constexpr std::array kNames{"Connection"sv,
                                     "Keep-Alive"sv,
                                     "Proxy-Connection"sv,
                                     "Proxy-Authenticate"sv,
                                     "Proxy-Authorization"sv,
                                     "TE"sv,
                                     "Trailer"sv,
                                     "Transfer-Encoding"sv,
                                     "Upgrade"sv,
                                     "HTTP2-Settings"sv,
                                     "Content-Length"sv};
  return is_one_of(name, kNames) || headers.has_token("Connection", name);
}

bool wants_upgrade(const http::Exchange& exchange) {
  return exchange.header("Upgrade") != nullptr && exchange.headers().has_token("Connection", "upgrade") &&
         exchange.content_length() == 0U;
}

bool carries_key(std::string_view authorization) {
  const auto blank = authorization.find(' ');
  return blank == std::string_view::npos ||
         store::key_digits(authorization.substr(authorization.find_last_of(' ') + 1)).has_value();
}

std::string address_of(const http::Peer& peer) {
  return peer.is_unix ? std::string() : peer.address.substr(0, peer.address.rfind(':'));
}

http::Headers headers_inward(const http::Exchange& exchange, const Passage& passage) {
  static constexpr std::array kOurs{"Host"sv,
                                    "Expect"sv,
                                    "X-API-Key"sv,
                                    "Forwarded"sv,
                                    "X-Real-IP"sv,
                                    "X-Request-Id"sv,
                                    "E2b-Sandbox-Id"sv,
                                    "E2b-Sandbox-Port"sv,
                                    "E2b-Traffic-Access-Token"sv,
                                    "X-Forwarded-For"sv,
                                    "X-Forwarded-Host"sv,
                                    "X-Forwarded-Proto"sv,
                                    "X-Forwarded-Port"sv,
                                    "X-Forwarded-Prefix"sv};
  http::Headers headers{{"Host", passage.host.empty() ? "localhost:" + std::to_string(passage.port) : passage.host}};
  for (const http::Field& field : exchange.headers()) {
    if (is_one_of(field.name, kOurs) || is_hop_by_hop(field.name, exchange.headers())) continue;
    if (http::equals_ignoring_case(field.name, "Authorization") &&
        (!passage.may_pass_authorization || carries_key(field.value)))
      continue;
    if (http::equals_ignoring_case(field.name, "Referer") && field.value.contains(kPreviewName)) continue;
    if (http::equals_ignoring_case(field.name, "Cookie")) {
      if (std::string left = without_cookie(field.value, kPreviewName); !left.empty()) headers.add("Cookie", left);
      continue;
    }
    headers.add(field.name, field.value);
  }
  if (wants_upgrade(exchange)) {
    headers.add("Connection", "Upgrade");
    headers.add("Upgrade", *exchange.header("Upgrade"));
  }
  if (std::string address = address_of(exchange.peer()); !address.empty()) headers.add("X-Forwarded-For", address);
  headers.add("X-Forwarded-Host", exchange.authority());
  headers.add("X-Forwarded-Proto", exchange.peer().is_tls ? "https" : "http");
  if (!passage.prefix.empty()) headers.add("X-Forwarded-Prefix", passage.prefix);
  headers.add("X-Request-Id", exchange.request_id());
  return headers;
}

http::Headers headers_outward(const http::Headers& theirs, const Passage& passage, bool is_upgrade) {
  // What acts on a whole origin, or on the connection to us. Below a path the origin is the API's.
  static constexpr std::array kNever{"X-Request-Id"sv, "Strict-Transport-Security"sv, "Public-Key-Pins"sv, "Alt-Svc"sv};
  static constexpr std::array kOfOrigin{
      "Clear-Site-Data"sv, "Service-Worker-Allowed"sv, "Report-To"sv,  "NEL"sv,
      "Accept-CH"sv,       "Reporting-Endpoints"sv,    "Set-Cookie"sv, "Origin-Agent-Cluster"sv};
  const bool is_by_path = !passage.prefix.empty();
  http::Headers headers;
  for (const http::Field& field : theirs) {
    const bool is_our_upgrade = is_upgrade && http::equals_ignoring_case(field.name, "Upgrade");
    if (is_one_of(field.name, kNever) || (is_hop_by_hop(field.name, theirs) && !is_our_upgrade)) continue;
    if (is_by_path && is_one_of(field.name, kOfOrigin)) continue;
    if (http::equals_ignoring_case(field.name, "Set-Cookie")) {
      if (auto tame = tame_cookie(field.value)) headers.add("Set-Cookie", *std::move(tame));
      continue;
    }
    const bool is_moved = is_by_path && http::equals_ignoring_case(field.name, "Location") &&
                          field.value.starts_with('/') && !field.value.starts_with("//") &&
                          !field.value.starts_with(passage.prefix);
    headers.add(field.name, is_moved ? passage.prefix + field.value : field.value);
  }
  // A page below a path would have the API's origin; so it gets one of its own that nothing else has.
  if (is_by_path)
    headers.add("Content-Security-Policy",
                "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts");
  if (!passage.cookie.empty()) headers.add("Set-Cookie", passage.cookie);
  return headers;
}

http::Reply bad_gateway(const http::Exchange& exchange, const Passage& passage, std::string_view code,
                        std::string_view sentence) {
  return passage.refuse ? passage.refuse(exchange, code, sentence)
                        : http::error_reply(502, code, sentence, exchange.request_id());
}

/// "nothing listens on port 8000 inside the sandbox; 22 and 80 have a listener".
Task<std::string> nobody_there(std::shared_ptr<sandboxes::Sandbox> sandbox, std::uint16_t port) {
  std::string text = "nothing listens on port " + std::to_string(port) + " of 127.0.0.1 inside the sandbox";
  CO_TRY(guest::Session * session, sandbox->session());
  const auto ports = co_await session->listening_ports();
  if (!ports || ports->empty()) co_return text + ", nor on any other";
  text += "; these ports have a listener: ";
  for (std::size_t i = 0; i < std::min(ports->size(), kPortsNamed); ++i)
    text.append(i == 0 ? "" : ", ").append(std::to_string((*ports)[i]));
  co_return text + (ports->size() > kPortsNamed ? " …" : "");
}

Task<std::size_t> read_from_client(http::Exchange& exchange, bool& has_failed, std::span<std::byte> buffer) {
  auto count = co_await exchange.read_some(buffer);
  has_failed = has_failed || !count;
  co_return count;
}

/// The client's body to the guest. Ends when the client is gone or broke its body, and else not before it is cancelled:
/// a server may refuse to read on and still answer.
Task<> feed(http::Exchange& exchange, http::Response& answer, http::Request& request, const bool& has_client_failed) {
  const auto executor = co_await asio::this_coro::executor;
  auto sent = co_await answer.upload(request);
  if (sent) co_return co_await exchange.gone();
  if (has_client_failed) co_return sent;
  Notifier never(executor);
  co_return co_await never.wait();
}

/// The guest's answer to the client. An upgrade is left to the caller.
Task<> relay(http::Exchange& exchange, http::Response& answer, const Passage& passage) {
  const bool may_upgrade = wants_upgrade(exchange);
  auto answered = co_await answer.answered(exchange.method());
  if (!answered) {
    if (answered.error().code() == Code::kCancelled) co_return answered;
    co_return co_await exchange.send(
        bad_gateway(exchange, passage, "bad_gateway",
                    "what listens on port " + std::to_string(passage.port) + " gave " + answered.error().message()));
  }
  const int status = answer.status();
  if (status == 101 && may_upgrade) co_return Result<>();
  if (status < 200 || status > 599) {
    co_return co_await exchange.send(bad_gateway(
        exchange, passage, "bad_gateway",
        "what listens on port " + std::to_string(passage.port) + " answered with status " + std::to_string(status)));
  }
  CO_TRY_VOID(co_await exchange.start(status, headers_outward(answer.headers(), passage, false),
                                      whole_number<std::uint64_t>(answer.headers().get("Content-Length"))));
  Buffer buffer(kPiece);
  while (true) {
    CO_TRY(const std::size_t count, co_await answer.read_some(buffer.bytes()));
    if (count == 0) break;
    CO_TRY_VOID(co_await exchange.write({reinterpret_cast<const char*>(buffer.bytes().data()), count}));
  }
  co_return co_await exchange.finish();
}

}  // namespace

Task<> pass_on(http::Exchange& exchange, Passage passage) {
  using namespace asio::experimental::awaitable_operators;
  const auto executor = co_await asio::this_coro::executor;
  const auto use = passage.sandbox->use();
  exchange.allow_silence();
  CO_TRY(guest::Session * session, passage.sandbox->session());
  auto connection = co_await with_timeout(kDialLimit, session->dial(passage.port), "connecting inside the sandbox");
  if (!connection) {
    if (connection.error().os_error() == 0 && connection.error().code() != Code::kDeadline)
      co_return std::move(connection).error();
    std::string sentence = connection.error().message();
    if (connection.error().os_error() == ECONNREFUSED) {
      CO_TRY(sentence, co_await nobody_there(passage.sandbox, passage.port));
    }
    co_return co_await exchange.send(bad_gateway(exchange, passage, "no_listener", sentence));
  }
  http::Client client(executor, std::make_unique<GuestStream>(*std::move(connection)),
                      "localhost:" + std::to_string(passage.port), {.header_bytes = kHeadMost});
  bool has_client_failed = false;
  http::Request request{.method = exchange.method(),
                        .target = passage.target,
                        .headers = headers_inward(exchange, passage),
                        .body = {},
                        .source = {},
                        .length = exchange.content_length()};
  if (request.length != 0U) {
    request.source = [&exchange, &has_client_failed](std::span<std::byte> buffer) {
      return read_from_client(exchange, has_client_failed, buffer);
    };
  }
  auto answer = co_await client.begin(request);
  if (!answer) {
    co_return co_await exchange.send(bad_gateway(
        exchange, passage, "bad_gateway",
        "what listens on port " + std::to_string(passage.port) + " takes no request: " + answer.error().message()));
  }
  auto first = co_await (relay(exchange, **answer, passage) || feed(exchange, **answer, request, has_client_failed));
  if (first.index() == 1) {
    auto fed = std::get<1>(std::move(first));
    if (!fed) co_return fed;
    co_return Error(Code::kCancelled, "the client is gone");
  }
  CO_TRY_VOID(std::get<0>(std::move(first)));
  if (exchange.has_started()) co_return Result<>();
  const http::Headers headers = headers_outward((*answer)->headers(), passage, true);
  CO_TRY(http::Stream * stream, co_await exchange.switch_protocols(headers));
  co_return co_await http::tunnel(*stream, (*answer)->take_over());
}

}  // namespace brig::api
