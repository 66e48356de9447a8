#include "api/v1/build_routes.h"

#include <algorithm>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json/value.hpp>

#include "api/common/query.h"
#include "api/v1/build_form.h"
#include "api/v1/render.h"
#include "async/timer.h"
#include "base/text.h"
#include "image/own_name.h"
#include "json/json.h"

namespace brig::api::v1 {
namespace {

namespace bj = boost::json;

constexpr std::size_t kPiece = std::size_t{64} << 10;
/// A comment that often, so that nothing between us and the client thinks the connection dead.
constexpr Milliseconds kKeepAlive{15'000};

bj::object build_json(const builds::Build& build) {
  bj::object object{{"id", build.id},
                    {"name", build.name},
                    {"kind", build.kind},
                    {"status", builds::to_string(build.state)},
                    {"error", nullptr},
                    {"started_at", format(build.started_at)},
                    {"ended_at", build.ended_at ? bj::value(format(*build.ended_at)) : bj::value()},
                    {"size_mb", build.size_mb},
                    {"bytes", nullptr},
                    {"digest", nullptr}};
  if (build.state == builds::State::kFailed) object["error"] = build.error;
  if (build.state != builds::State::kDone) return object;
  object["bytes"] = build.size.count;
  object["digest"] = build.digest;
  return object;
}

bj::object line_json(const std::string& line) { return {{"line", line}}; }

}  // namespace

void BuildRoutes::add_to(http::Router& router) {
  router.add("POST /v1/templates/build", "template_build", [this](http::Exchange& e) { return build(e); });
  router.add("POST /v1/templates/import", "template_import", [this](http::Exchange& e) { return import(e); });
  router.add("GET /v1/templates/builds", "build_list", [this](http::Exchange& e) { return list(e); });
  router.add("GET /v1/templates/builds/{build}", "build_get", [this](http::Exchange& e) { return get(e); });
  router.add("GET /v1/templates/builds/{build}/logs", "build_logs", [this](http::Exchange& e) { return logs(e); });
  router.add("DELETE /v1/templates/builds/{build}", "build_cancel", [this](http::Exchange& e) { return cancel(e); });
  router.add("DELETE /v1/templates/{name}", "template_delete", [this](http::Exchange& e) { return remove(e); });
}

Result<std::shared_ptr<builds::Build>> BuildRoutes::find(const http::Exchange& exchange) {
  const Caller caller = TRY(this->caller(exchange));
  return builds_.find(caller.key, exchange.parameter("build"));
}

Task<> BuildRoutes::build(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  CO_TRY(builds::Builds::Seat seat, builds_.admit(caller.key));
  const std::string* type = exchange.header("Content-Type");
  CO_TRY(const std::string boundary, http::multipart_boundary(type != nullptr ? *type : ""));
  CO_TRY(builds::Upload upload, builds_.open_upload());
  http::MultipartReader reader(boundary,
                               [&exchange](std::span<std::byte> buffer) { return exchange.read_some(buffer); },
                               {.parts = kFormPartsMost});
  BuildForm form(std::move(upload));
  CO_TRY_VOID(co_await form.read(reader));
  CO_TRY(builds::Wanted wanted, std::move(form).finish(builds_.open_upload()));
  CO_TRY(const Caller still, this->caller(exchange));  // an upload takes its time: the key may be revoked
  CO_TRY(const auto build, builds_.start(still.key, std::move(seat), std::move(wanted)));
  co_return co_await exchange.send_json(202, text_of(build_json(*build)));
}

Task<> BuildRoutes::import(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  CO_TRY(builds::Builds::Seat seat, builds_.admit(caller.key));
  const std::string* name = exchange.target().find("name");
  const std::string* image = exchange.target().find("image");
  if (name == nullptr) co_return Error(Code::kInvalidArgument, "name: what is the template to be called?");
  CO_TRY_VOID(builds_.check_name(caller.key, *name));
  if (image != nullptr && (image->size() > 300 || !is_utf8(*image)))
    co_return Error(Code::kInvalidArgument, "image: at most 300 bytes of UTF-8");
  CO_TRY(builds::Upload upload, builds_.open_upload());
  std::vector<std::byte> piece(kPiece);
  while (true) {
    CO_TRY(const std::size_t count, co_await exchange.read_some(piece));
    if (count == 0) break;
    CO_TRY_VOID(upload.append(std::span(piece).first(count)));
  }
  if (upload.size() == 0) co_return Error(Code::kInvalidArgument, "the body is empty: an archive is expected");
  builds::Wanted wanted{.name = *name,
                        .size_mb = (upload.size() >> 20U) + 1,
                        .image = image != nullptr ? *image : "",
                        .input = std::move(upload).take()};
  CO_TRY(const Caller still, this->caller(exchange));  // as above
  CO_TRY(const auto build, builds_.start(still.key, std::move(seat), std::move(wanted)));
  co_return co_await exchange.send_json(202, text_of(build_json(*build)));
}

Task<> BuildRoutes::list(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  bj::array items;
  for (const auto& build : builds_.list(caller.key)) items.emplace_back(build_json(*build));
  if (caller.dialect == Dialect::kPandaStack) co_return co_await exchange.send_json(200, json::write(items) + "\n");
  co_return co_await exchange.send_json(200, text_of({{"items", std::move(items)}}));
}

Task<> BuildRoutes::get(http::Exchange& exchange) {
  CO_TRY(const auto build, find(exchange));
  co_return co_await exchange.send_json(200, text_of(build_json(*build)));
}

Task<> BuildRoutes::logs(http::Exchange& exchange) {
  CO_TRY(const auto build, find(exchange));
  const std::string* accept = exchange.header("Accept");
  const bool wants_events = accept != nullptr && accept->contains("text/event-stream");
  if (is_set(exchange, "follow")) co_return co_await follow(exchange, build);
  std::string text;
  if (!wants_events) {
    for (const std::string& line : build->lines) text += line + "\n";
    co_return co_await exchange.send(200, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(text));
  }
  for (const std::string& line : build->lines)
    text += http::format_event({.name = "", .data = json::write(line_json(line)), .id = ""});
  text += http::format_event({.name = "done", .data = json::write(build_json(*build)), .id = ""});
  co_return co_await exchange.send(200, {{"Content-Type", "text/event-stream"}}, std::move(text));
}

/// Lines as they come, and in the end `done`, whose data is the build.
Task<> BuildRoutes::follow(http::Exchange& exchange, std::shared_ptr<builds::Build> build) {
  using namespace asio::experimental::awaitable_operators;
  CO_TRY_VOID(co_await exchange.start_events());
  std::size_t sent = 0;
  while (true) {
    while (sent < build->lines.size()) {
      std::string data = json::write(line_json(build->lines[sent++]));
      CO_TRY_VOID(co_await exchange.event({.name = "", .data = std::move(data), .id = ""}));
    }
    if (build->has_ended()) break;
    auto woken = co_await (build->changed.wait() || sleep(kKeepAlive) || exchange.gone());
    if (woken.index() == 2) co_return Result<>();
    if (woken.index() == 1) CO_TRY_VOID(co_await exchange.comment("still here"));
  }
  std::string data = json::write(build_json(*build));
  CO_TRY_VOID(co_await exchange.event({.name = "done", .data = std::move(data), .id = ""}));
  co_return co_await exchange.finish();
}

Task<> BuildRoutes::cancel(http::Exchange& exchange) {
  CO_TRY(const auto build, find(exchange));
  CO_TRY_VOID(builds_.cancel(build));
  co_return co_await exchange.send(204, {}, {});
}

Task<> BuildRoutes::remove(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  const std::string name(exchange.parameter("name"));
  if (name == image::kHostName)
    co_return Error(Code::kDenied, "the template \"host\" is this machine itself and cannot be deleted");
  CO_TRY(const std::vector<image::Listed> known, catalog_.list());
  const auto found = std::ranges::find(known, name, [](const image::Listed& one) { return one.manifest.name; });
  if (found == known.end() || !image::may_see(found->manifest, caller.key.id)) co_return no_template(name);
  if (found->manifest.owner != caller.key.id)
    co_return Error(Code::kDenied,
                    "this template is not this key's: whoever owns the daemon's machine removes it with "
                    "brig template rm " +
                        name);
  CO_TRY_VOID(co_await builds_.remove(caller.key, name));
  co_return co_await exchange.send(204, {}, {});
}

}  // namespace brig::api::v1
