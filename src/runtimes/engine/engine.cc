#include "runtimes/engine/engine.h"

#include <sys/stat.h>

#include <utility>

#include "async/run.h"
#include "async/timer.h"
#include "base/text.h"

namespace brig::runtimes::engine {
namespace {

constexpr Milliseconds kConnectLimit{5'000};
/// Of one question, all of it: a start takes an engine part of a second, on a busy machine several.
constexpr Milliseconds kAnswerLimit{15'000};

http::ClientOptions client_options() {
  return {.connect_time = kConnectLimit,
          .answer_time = kAnswerLimit,
          .stall_time = kAnswerLimit,
          .header_bytes = std::size_t{16} << 10,
          .tls = {},
          .at = {}};
}

}  // namespace

http::ServerUrl url_of(const Place& place) {
  return {.endpoint = {.is_unix = true, .host = {}, .port = 0, .path = place.socket},
          .is_tls = false,
          .authority = "localhost",
          .prefix = ""};
}

Error unreachable(const Place& place, const Error& error) {
  if (error.code() == Code::kDenied) {
    return {Code::kDenied, error.message() +
                               ": you may not use this engine; run brig with sudo, or join the group of " +
                               place.socket + " (whoever is in it is as good as root)"};
  }
  return error;
}

Engine::Engine(Place place, std::string name)
    : place_(std::move(place)), name_(std::move(name)), client_(io_.get_executor(), url_of(place_), client_options()) {}

Task<std::string> Engine::exchange(http::Request request) {
  auto response = co_await client_.send(std::move(request));
  if (!response) co_return unreachable(place_, response.error());
  if (const auto* version = (*response)->headers().find("Libpod-Api-Version"))
    podman_version_ = printable(*version, 40);
  CO_TRY(std::string answer, co_await (*response)->read_body(kAnswerMax));
  status_ = (*response)->status();
  if (status_ >= 300) co_return error_of(status_, answer, name_);
  co_return answer;
}

Result<std::string> Engine::ask(std::string_view method, const std::string& target, std::string body,
                                std::string_view type) {
  http::Request request{.method = std::string(method),
                        .target = std::string(kApi) + target,
                        .headers = {},
                        .body = std::move(body),
                        .source = {},
                        .length = {}};
  status_ = 0;
  if (!request.body.empty()) request.headers.add("Content-Type", std::string(type));
  return brig::run(io_, with_timeout(kAnswerLimit, exchange(std::move(request)), "the answer of " + name_))
      .context("ask " + name_);
}

Result<About> ask_about(const Place& place) {
  Engine engine(place, std::string(name_of(place.kind)));
  TRY(engine.ask("GET", "/_ping"));
  struct stat socket = {};
  const bool is_roots = ::stat(place.socket.c_str(), &socket) == 0 && socket.st_uid == 0;
  if (!engine.podman_version().empty() && is_roots)
    return About{.name = "Podman " + engine.podman_version(), .is_podman = true, .may_limit = true};
  const std::string version = TRY(engine.ask("GET", "/version"));
  const std::string info = TRY(engine.ask("GET", "/info"));
  return from(engine.name(), read_about(version, info));
}

}  // namespace brig::runtimes::engine
