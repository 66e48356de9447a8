#include "api/e2b/connect.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json/value.hpp>

#include "api/common/caller.h"
#include "api/e2b/place.h"
#include "async/timer.h"
#include "base/number.h"
#include "json/json.h"

namespace brig::api::e2b {
namespace {

namespace bj = boost::json;
using namespace asio::experimental::awaitable_operators;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kStreamedJson = "application/connect+json";
/// Of a stream's body that is one message: its envelope's head is five bytes.
constexpr std::size_t kBodyMax = kMessageMax + 5;
/// Longer than anything here lives.
constexpr Milliseconds kForever{366LL * 24 * 3'600'000};
constexpr std::uint64_t kKeepaliveMost = 3'600;  // seconds

constexpr RpcStatus kInvalid{"invalid_argument", 400};
constexpr RpcStatus kMissing{"not_found", 404};
constexpr RpcStatus kExists{"already_exists", 409};
constexpr RpcStatus kForbidden{"permission_denied", 403};
constexpr RpcStatus kUsedUp{"resource_exhausted", 429};
constexpr RpcStatus kTooLate{"deadline_exceeded", 504};

/// What the sandbox's own kernel has refused.
RpcStatus status_of_errno(int number) {
  switch (number) {
    case ENOENT: return kMissing;
    case EEXIST: return kExists;
    case EACCES:
    case EPERM:
    case EROFS: return kForbidden;
    case ENOTDIR:
    case EISDIR:
    case EINVAL:
    case ELOOP:
    case ENAMETOOLONG: return kInvalid;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case E2BIG:
    case EAGAIN: return kUsedUp;
    default: return {"internal", 500};
  }
}

bool has_codec(const http::Exchange& exchange, std::string_view wanted) {
  return http::media_type(exchange.headers().get("Content-Type")) == wanted;
}

/// What of the request's head can be refused before anything of the body is read.
Result<> expect_head(const http::Exchange& exchange) {
  for (const std::string_view name : {"Content-Encoding", "Connect-Content-Encoding"}) {
    const std::string* encoding = exchange.header(name);
    if (encoding != nullptr && *encoding != "identity")
      return Error(Code::kUnsupported, std::string(name) + ": messages are taken as they are, not compressed");
  }
  return expect_user(user_of(exchange));
}

Task<> refuse(http::Exchange& exchange, const Error& error) {
  co_return co_await exchange.send(rpc_status_of(error).http, {{"Content-Type", std::string(kJson)}},
                                   json::write(rpc_error(error)));
}

/// The protocol wants no message in it.
Task<> refuse_codec(http::Exchange& exchange, std::string_view wanted) {
  const Error error(Code::kUnsupported, "messages are JSON here: Content-Type: " + std::string(wanted));
  co_return co_await exchange.send(415, {{"Content-Type", std::string(kJson)}, {"Accept-Post", std::string(wanted)}},
                                   json::write(rpc_error(error)));
}

/// A guest whose token the caller has.
Result<Guest> admit(Guests& guests, const http::Exchange& exchange) {
  Guest guest = TRY(guests.find(exchange));
  TRY(guests.expect_access_token(exchange, guest));
  return guest;
}

/// How a call that was raced against everything that ends one has come out.
enum class Outcome : std::uint8_t { kDone, kLeft, kHalted };

/// `work` until it is done, or there is nobody or nothing to do it for any more.
template <class T>
struct Raced {
  Outcome outcome = Outcome::kDone;
  Result<T> result;
};

/// References outlive it: the caller awaits it at once.
template <class T>
Task<Raced<T>> race(Call& call, Task<T> work, Task<> gone) {
  const std::shared_ptr<sandboxes::Sandbox> sandbox = call.guest.sandbox;
  auto first = co_await (std::move(work) || std::move(gone) || sandbox->halted() ||
                         sleep(call.times.timeout.value_or(kForever)));
  if (sandbox->life().state() != sandboxes::State::kRunning)
    co_return Raced<T>{Outcome::kHalted, Error(Code::kUnavailable, "the sandbox runs no more")};
  if (first.index() == 0) co_return Raced<T>{Outcome::kDone, std::get<0>(std::move(first))};
  if (first.index() == 1) co_return Raced<T>{Outcome::kLeft, Error(Code::kCancelled, "the client is gone")};
  co_return Raced<T>{Outcome::kDone, Error(Code::kDeadline, "the call took longer than Connect-Timeout-Ms")};
}

/// The error of a sandbox that is not there, said as for one that never was; or else what `otherwise` is. An answer
/// that has begun is cut, on purpose: that is how clients know.
Error halted(Guests& guests, const http::Exchange& exchange, Error otherwise) {
  if (exchange.has_started()) return {Code::kCancelled, std::string(otherwise.message())};
  const auto again = guests.find(exchange);
  return again ? std::move(otherwise) : again.error();
}

Task<> answer_unary(Guests& guests, http::Exchange& exchange, const Connect::Unary& handler) {
  CO_TRY(Guest guest, admit(guests, exchange));
  if (!has_codec(exchange, kJson)) co_return co_await refuse_codec(exchange, kJson);
  if (auto head = expect_head(exchange); !head) co_return co_await refuse(exchange, head.error());
  const auto times = read_times(exchange.headers());
  if (!times) co_return co_await refuse(exchange, times.error());
  CO_TRY(const std::string body, co_await exchange.read_body(kMessageMax));
  const auto message = read_message(body.empty() ? "{}" : body);
  if (!message) co_return co_await refuse(exchange, message.error());
  const json::Reader request(*message);
  Call call{.exchange = exchange, .guest = guest, .times = *times};
  CO_TRY(auto raced, co_await race(call, handler(call, request), exchange.gone()));
  if (raced.outcome == Outcome::kLeft) co_return Result<>();
  if (raced.outcome == Outcome::kHalted) co_return halted(guests, exchange, std::move(raced.result).error());
  if (!raced.result) co_return co_await refuse(exchange, raced.result.error());
  std::string answer = json::write(*std::exchange(raced.result, bj::object()));  // not both, however long it is read
  co_return co_await exchange.send(200, {{"Content-Type", std::string(kJson)}}, std::move(answer));
}

/// How a stream ends that was raced.
Task<> end_stream(Guests& guests, http::Exchange& exchange, Outgoing& out, Raced<void> raced) {
  if (raced.outcome == Outcome::kLeft) co_return Result<>();
  if (raced.outcome == Outcome::kHalted) co_return halted(guests, exchange, std::move(raced.result).error());
  co_return co_await out.end(raced.result ? std::nullopt : std::optional(std::move(raced.result).error()));
}

/// What holds for a stream before anything of its body is read; none if it was refused, which the client has been told.
Task<std::optional<CallTimes>> open_stream(http::Exchange& exchange, Outgoing& out) {
  std::optional<CallTimes> none;
  if (!has_codec(exchange, kStreamedJson)) {
    CO_TRY_VOID(co_await refuse_codec(exchange, kStreamedJson));
    co_return none;
  }
  if (auto user = expect_user(user_of(exchange)); !user) {
    CO_TRY_VOID(co_await refuse(exchange, user.error()));
    co_return none;
  }
  auto times = read_times(exchange.headers());
  if (auto head = expect_head(exchange); !head) times = head.error();
  if (times) co_return std::optional(*times);
  CO_TRY_VOID(co_await out.end(times.error()));
  co_return none;
}

Task<> answer_streaming(Guests& guests, http::Exchange& exchange, const Connect::Streaming& handler) {
  CO_TRY(Guest guest, admit(guests, exchange));
  Outgoing out(exchange);
  CO_TRY(const auto times, co_await open_stream(exchange, out));
  if (!times) co_return Result<>();
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  const auto message = read_only_message(body);
  if (!message) co_return co_await out.end(message.error());
  const json::Reader request(*message);
  Call call{.exchange = exchange, .guest = guest, .times = *times};
  CO_TRY(auto raced, co_await race(call, handler(call, request, out), exchange.gone()));
  co_return co_await end_stream(guests, exchange, out, std::move(raced));
}

Task<> send_answer(Call& call, Outgoing& out, const Connect::Upload& handler) {
  Incoming in(call.exchange);
  CO_TRY(bj::object answer, co_await handler(call, in));
  co_return co_await out.send(std::move(answer));
}

/// As long as the body comes nobody can see whether the client is gone, other than by its end.
Task<> answer_upload(Guests& guests, http::Exchange& exchange, const Connect::Upload& handler) {
  CO_TRY(Guest guest, admit(guests, exchange));
  Outgoing out(exchange);
  CO_TRY(const auto times, co_await open_stream(exchange, out));
  if (!times) co_return Result<>();
  exchange.allow_silence();
  Call call{.exchange = exchange, .guest = guest, .times = *times};
  CO_TRY(auto raced, co_await race(call, send_answer(call, out, handler), sleep(kForever)));
  co_return co_await end_stream(guests, exchange, out, std::move(raced));
}

}  // namespace

RpcStatus rpc_status_of(const Error& error) {
  if (error.os_error() != 0) return status_of_errno(error.os_error());
  switch (error.code()) {
    case Code::kInvalidArgument: return kInvalid;
    case Code::kNotFound: return kMissing;
    case Code::kDenied: return {"unauthenticated", 401};
    case Code::kConflict: return {"failed_precondition", 400};
    case Code::kExhausted: return kUsedUp;
    case Code::kUnsupported: return {"unimplemented", 501};
    case Code::kDeadline: return kTooLate;
    case Code::kCancelled: return {"canceled", 499};
    case Code::kUnavailable: return {"unavailable", 503};
    case Code::kSystem:
    case Code::kInternal: break;
  }
  return {"internal", 500};
}

bj::object rpc_error(const Error& error) {
  std::string_view message = error.message();
  if (message.starts_with(kUnauthenticated)) message.remove_prefix(kUnauthenticated.size());
  return {{"code", rpc_status_of(error).code}, {"message", message}};
}

Result<json::Value> read_message(std::string_view text) {
  auto value = TRY(json::parse(text, {.max_bytes = kMessageMax, .max_depth = kMessageDepth}).context("the message"));
  if (!value.is_object()) return Error(Code::kInvalidArgument, "the message must be a JSON object");
  return value;
}

Result<json::Value> read_only_message(std::string_view body) {
  http::EnvelopeReader reader(kMessageMax);
  reader.feed(body);
  const auto envelope = TRY(reader.next());
  if (!envelope || envelope->is_end || reader.has_rest())
    return Error(Code::kInvalidArgument, "one message in one envelope is expected");
  return read_message(envelope->payload.empty() ? "{}" : envelope->payload);
}

Result<CallTimes> read_times(const http::Headers& headers) {
  CallTimes times;
  if (const std::string* text = headers.find("Connect-Timeout-Ms")) {
    const auto count = whole_number<std::uint64_t>(*text);
    if (!count || text->size() > 10)
      return Error(Code::kInvalidArgument, "Connect-Timeout-Ms: at most ten digits are expected");
    const Milliseconds limit(static_cast<std::int64_t>(*count));
    if (*count > 0 && limit < kForever) times.timeout = limit;
  }
  if (const std::string* text = headers.find("Keepalive-Ping-Interval")) {
    const auto count = whole_number<std::uint64_t>(*text);
    if (count && *count > 0)
      times.keepalive = std::chrono::seconds(static_cast<std::int64_t>(std::min(*count, kKeepaliveMost)));
  }
  return times;
}

Task<> Outgoing::write(std::string envelope) {
  if (!exchange_.has_started()) {
    CO_TRY_VOID(
        co_await exchange_.start(200, {{"Content-Type", std::string(kStreamedJson)}, {"Cache-Control", "no-cache"}}));
  }
  last_ = std::chrono::steady_clock::now();
  co_return co_await exchange_.write(envelope);
}

Task<> Outgoing::send(bj::object message) { co_return co_await write(http::enveloped(json::write(message))); }

Task<> Outgoing::silence(Milliseconds interval) {
  while (true) {
    const auto silent = std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - last_);
    if (silent >= interval) co_return Result<>();
    CO_TRY_VOID(co_await sleep(interval - silent));
  }
}

Task<> Outgoing::end(std::optional<Error> error) {
  bj::object last;
  if (error) last["error"] = rpc_error(*error);
  CO_TRY_VOID(co_await write(http::enveloped_end(json::write(last))));
  co_return co_await exchange_.finish();
}

Task<std::optional<json::Value>> Incoming::next() {
  while (true) {
    CO_TRY(const auto envelope, reader_.next());
    if (envelope) {
      if (envelope->is_end) co_return std::optional<json::Value>();
      CO_TRY(json::Value message, read_message(envelope->payload.empty() ? "{}" : envelope->payload));
      co_return std::optional(std::move(message));
    }
    CO_TRY(const std::size_t count, co_await exchange_.read_some(buffer_.bytes()));
    if (count == 0) {
      if (reader_.has_rest()) co_return Error(Code::kInvalidArgument, "the last envelope is cut");
      co_return std::optional<json::Value>();
    }
    reader_.feed({reinterpret_cast<const char*>(buffer_.bytes().data()), count});
  }
}

void Connect::add_unary(http::Router& router, std::string_view method, std::string_view name, Unary handler) {
  router.add("POST /" + std::string(method), name,
             [&guests = guests_, handler = std::move(handler)](http::Exchange& exchange) {
               return answer_unary(guests, exchange, handler);
             });
}

void Connect::add_streaming(http::Router& router, std::string_view method, std::string_view name, Streaming handler) {
  router.add("POST /" + std::string(method), name,
             [&guests = guests_, handler = std::move(handler)](http::Exchange& exchange) {
               return answer_streaming(guests, exchange, handler);
             });
}

void Connect::add_upload(http::Router& router, std::string_view method, std::string_view name, Upload handler) {
  router.add("POST /" + std::string(method), name,
             [&guests = guests_, handler = std::move(handler)](http::Exchange& exchange) {
               return answer_upload(guests, exchange, handler);
             });
}

}  // namespace brig::api::e2b
