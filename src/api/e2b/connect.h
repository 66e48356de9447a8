#pragma once
/// Connect: the protocol of the agent's services (connectrpc.com), the server's end, in JSON.
///
/// A unary call is one JSON message each way, or `{"code", "message"}` with that code's status. What streams comes and
/// goes in envelopes (http/envelopes.h) with the status 200, and its last envelope says how it ended. There is no other
/// codec and no compression: 415, and "unimplemented". Whoever calls must have the sandbox's access token and may name
/// no other user than the sandbox's own.
///
/// A call whose sandbox ends or is paused meanwhile does not end, it breaks: the connection is cut, which is how
/// clients know. One whose client goes away is given up; what it started goes on.
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "api/e2b/guests.h"
#include "base/buffer.h"
#include "http/envelopes.h"
#include "http/router.h"
#include "json/reader.h"

namespace brig::api::e2b {

/// Of one message, as bytes and as JSON inside JSON.
inline constexpr std::size_t kMessageMax = std::size_t{4} << 20;
inline constexpr std::size_t kMessageDepth = 16;

/// What an error is in the protocol's words, and the status of a unary call that fails with it.
struct RpcStatus {
  std::string_view code;
  int http = 500;
};
RpcStatus rpc_status_of(const Error& error);
/// {"code", "message"}
boost::json::object rpc_error(const Error& error);

/// kInvalidArgument, kExhausted for what is no message.
Result<json::Value> read_message(std::string_view text);
/// The one message of a call that streams only its answer.
Result<json::Value> read_only_message(std::string_view body);

struct CallTimes {
  std::optional<Milliseconds> timeout;  ///< Connect-Timeout-Ms: of the whole call; none = as long as it lasts
  Milliseconds keepalive{90'000};       ///< Keepalive-Ping-Interval (in seconds): the longest silence of a stream
};
Result<CallTimes> read_times(const http::Headers& headers);

struct Call {
  http::Exchange& exchange;
  Guest& guest;
  CallTimes times;
};

/// What goes out in a stream.
class Outgoing {
 public:
  explicit Outgoing(http::Exchange& exchange) : exchange_(exchange) {}
  /// Suspends while the client does not take it.
  Task<> send(boost::json::object message);
  /// Suspends until nothing was sent for that long.
  Task<> silence(Milliseconds interval);
  /// The end of the stream, with what went wrong.
  Task<> end(std::optional<Error> error);

 private:
  Task<> write(std::string envelope);
  http::Exchange& exchange_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

/// What comes in in a stream.
class Incoming {
 public:
  explicit Incoming(http::Exchange& exchange) : exchange_(exchange) {}
  /// Nothing at the end.
  Task<std::optional<json::Value>> next();

 private:
  http::Exchange& exchange_;
  http::EnvelopeReader reader_{kMessageMax};
  Buffer buffer_{std::size_t{64} << 10};
};

class Connect {
 public:
  using Unary = std::function<Task<boost::json::object>(Call&, const json::Reader&)>;
  using Streaming = std::function<Task<>(Call&, const json::Reader&, Outgoing&)>;
  using Upload = std::function<Task<boost::json::object>(Call&, Incoming&)>;

  /// `guests` outlives the router that it is added to; this need not.
  explicit Connect(Guests& guests) : guests_(guests) {}

  /// `method` is "process.Process/List", `name` the route's.
  void add_unary(http::Router& router, std::string_view method, std::string_view name, Unary handler);
  void add_streaming(http::Router& router, std::string_view method, std::string_view name, Streaming handler);
  void add_upload(http::Router& router, std::string_view method, std::string_view name, Upload handler);

 private:
  Guests& guests_;
};

}  // namespace brig::api::e2b
