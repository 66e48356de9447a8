#include "runtimes/remote/server.h"

#include <utility>

#include "async/timer.h"
#include "http/connect.h"

namespace brig::runtimes::remote {
namespace {

constexpr Milliseconds kConnectLimit{10'000};
/// Of one question, all of it: making a sandbox may take the other side a while.
constexpr Milliseconds kAnswerLimit{15'000};

}  // namespace

Result<Destination> find_destination(const std::string& url, std::string key, KeyField field) {
  Destination destination{.url = TRY(http::parse_server_url(url)),
                          .host = {},
                          .key = std::move(key),
                          .key_field = field,
                          .tls = {},
                          .at = {}};
  const http::Endpoint& endpoint = destination.url.endpoint;
  destination.host = endpoint.is_unix ? http::format(endpoint) : destination.url.authority;
  if (!destination.url.is_tls && !endpoint.is_local()) {
    return Error(Code::kInvalidArgument,
                 url + ": everybody on the way could read the key and what runs; write https://");
  }
  if (destination.url.is_tls) destination.tls = TRY(http::TlsContext::client());
  destination.at = TRY(http::resolve(endpoint).context(destination.host));
  return destination;
}

http::ClientOptions client_options(const Destination& destination) {
  return {.connect_time = kConnectLimit,
          .answer_time = kAnswerLimit,
          .stall_time = kConnectLimit,
          .header_bytes = std::size_t{16} << 10,
          .tls = destination.tls,
          .at = destination.at};
}

http::Headers key_header(const Destination& destination) {
  http::Headers headers;
  if (destination.key.empty()) return headers;
  if (destination.key_field == KeyField::kApiKey) headers.add("X-API-KEY", destination.key);
  else headers.add("Authorization", "Bearer " + destination.key);
  return headers;
}

Server::Server(asio::any_io_executor executor, Destination destination)
    : destination_(std::move(destination)),
      client_(std::move(executor), destination_.url, client_options(destination_)) {}

Task<std::string> Server::exchange(std::string method, std::string target, std::string body) {
  http::Request request{.method = std::move(method),
                        .target = std::move(target),
                        .headers = key_header(destination_),
                        .body = std::move(body),
                        .source = {},
                        .length = {}};
  if (!request.body.empty()) request.headers.add("Content-Type", "application/json");
  const std::string doing = "ask " + destination_.host;
  auto response = co_await client_.send(std::move(request));
  if (!response) co_return std::move(response).error().context(doing);
  auto answer = co_await (*response)->read_body(kAnswerMax);
  if (!answer) co_return std::move(answer).error().context(doing);
  const int status = (*response)->status();
  if (status >= 300) co_return error_of(status, *answer, destination_.host);
  co_return answer;
}

Task<std::string> Server::ask(std::string method, std::string target, std::string body) {
  co_return co_await with_timeout(kAnswerLimit, exchange(std::move(method), std::move(target), std::move(body)),
                                  "the answer of " + destination_.host);
}

}  // namespace brig::runtimes::remote
