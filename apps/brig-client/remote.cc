#include "remote.h"

#include <cstdlib>

#include <boost/json/value.hpp>

#include "async/run.h"
#include "json/json.h"

namespace brig::client {
namespace {

constexpr std::size_t kAnswerMax = std::size_t{64} << 20;

Task<std::string> exchange(http::Client& client, http::Request request) {
  CO_TRY(const auto response, co_await send(client, std::move(request)));
  co_return co_await response->read_body(kAnswerMax);
}

}  // namespace

std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  return value != nullptr ? value : "";
}

Where find_daemon(const std::optional<std::string>& url, const std::optional<std::string>& key) {
  Where where;
  if (const std::string set = environment("BRIG_API_URL"); !set.empty()) where.url = set;
  if (url) where.url = *url;
  where.key = key ? *key : environment("BRIG_API_KEY");
  return where;
}

std::string target_of(std::string_view path, std::initializer_list<std::pair<std::string_view, std::string>> query) {
  std::string target(path);
  char between = '?';
  for (const auto& [name, value] : query) {
    target += between;
    target += std::string(name) + "=" + http::percent_encode(value);
    between = '&';
  }
  return target;
}

Result<std::unique_ptr<Remote>> Remote::open(const Where& where) {
  auto remote = std::unique_ptr<Remote>(new Remote);
  remote->key_ = where.key;
  remote->url_ = where.url;
  remote->client_ = std::make_unique<http::Client>(remote->io_.get_executor(), TRY(http::parse_server_url(where.url)));
  return remote;
}

http::Headers Remote::headers() const {
  http::Headers headers;
  if (!key_.empty()) headers.add("Authorization", "Bearer " + key_);
  return headers;
}

Error error_of(int status, std::string_view body) {
  std::string sentence = "the daemon answered " + std::to_string(status);
  const auto value = json::parse(body);
  if (value && value->is_object()) {
    if (const auto* error = value->as_object().if_contains("error"); error != nullptr && error->is_string())
      sentence = std::string(error->as_string());
  }
  switch (status) {
    case 401: return {Code::kDenied, sentence + " (set BRIG_API_KEY)"};
    case 403: return {Code::kDenied, std::move(sentence)};
    case 404: return {Code::kNotFound, std::move(sentence)};
    case 409: return {Code::kConflict, std::move(sentence)};
    case 429: return {Code::kExhausted, std::move(sentence)};
    case 501: return {Code::kUnsupported, std::move(sentence)};
    case 503: return {Code::kUnavailable, std::move(sentence)};
    default: return {status < 500 ? Code::kInvalidArgument : Code::kInternal, std::move(sentence)};
  }
}

Task<std::unique_ptr<http::Response>> send(http::Client& client, http::Request request) {
  auto response = co_await client.send(std::move(request));
  if (!response) co_return std::move(response).error().context("reach the daemon (brig serve starts one)");
  const int status = (*response)->status();
  if (status < 400) co_return *std::move(response);
  CO_TRY(const std::string body, co_await (*response)->read_body(kAnswerMax));
  co_return error_of(status, body);
}

Result<boost::json::value> Remote::ask(std::string method, std::string target, const boost::json::object* body) {
  http::Request request{.method = std::move(method),
                        .target = std::move(target),
                        .headers = headers(),
                        .body = body != nullptr ? json::write(*body) : "",
                        .source = {},
                        .length = {}};
  if (body != nullptr) request.headers.add("Content-Type", "application/json");
  const std::string answer = TRY(run(io_, exchange(*client_, std::move(request))));
  if (answer.empty()) return boost::json::value();
  return json::parse(answer, {.max_bytes = kAnswerMax, .max_values = json::kManyValues}).context("the daemon's answer");
}

}  // namespace brig::client
