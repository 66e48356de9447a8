/// Whole folders: watched, and in and out as tar.
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json/value.hpp>

#include "api/common/query.h"
#include "api/v1/api.h"
#include "api/v1/render.h"
#include "async/timer.h"
#include "sandboxes/archive.h"

namespace brig::api::v1 {
namespace {

namespace bj = boost::json;

constexpr Milliseconds kKeepAlive{15'000};

std::string_view word_of(guest::ChangeKind kind) {
  switch (kind) {
    case guest::ChangeKind::kCreated: return "created";
    case guest::ChangeKind::kModified: return "modified";
    case guest::ChangeKind::kRemoved: return "removed";
    case guest::ChangeKind::kMoved: return "moved";
    case guest::ChangeKind::kOverflow: return "overflow";
    case guest::ChangeKind::kLimited: return "limited";
  }
  return "unknown";
}

/// Each change as an event, until the watched place is gone: `end`.
Task<> send_changes(http::Exchange& exchange, guest::Watcher& watcher) {
  while (true) {
    CO_TRY(const std::optional<guest::FileChange> change, co_await watcher.next());
    if (!change) co_return co_await exchange.event({.name = "end", .data = "{}", .id = {}});
    const std::string word(word_of(change->kind));
    bj::object data{{"type", word}, {"path", change->path}, {"is_dir", change->is_folder}};
    if (change->kind == guest::ChangeKind::kMoved) data["from"] = change->from;
    std::string text = text_of(data);
    text.pop_back();
    CO_TRY_VOID(co_await exchange.event({.name = word, .data = std::move(text), .id = {}}));
  }
}

Task<> keep_awake(http::Exchange& exchange) {
  while (true) {
    CO_TRY_VOID(co_await sleep(kKeepAlive));
    CO_TRY_VOID(co_await exchange.comment("still here"));
  }
}

Task<> write_piece(http::Exchange& exchange, std::string_view type, std::string_view bytes) {
  if (!exchange.has_started()) CO_TRY_VOID(co_await exchange.start(200, {{"Content-Type", std::string(type)}}));
  co_return co_await exchange.write(bytes);
}

}  // namespace

void Api::add_folder_routes(http::Router& router) {
  const std::string at = "/v1/sandboxes/{id}/fs";
  router.add("GET " + at + "/watch", "folder_watch",
             [this](http::Exchange& e) { return awake(e, &Api::watch_folder); });
  router.add("PUT " + at + "/tar", "tar_write", [this](http::Exchange& e) { return awake(e, &Api::write_tar); });
  router.add("GET " + at + "/tar", "tar_read", [this](http::Exchange& e) { return awake(e, &Api::read_tar); });
}

Task<> Api::watch_folder(http::Exchange& exchange) {
  using namespace asio::experimental::awaitable_operators;
  CO_TRY(const Found found, find_to_use(exchange));
  CO_TRY(const GuestPath path, path_of(exchange));
  CO_TRY(guest::Session * session, found.sandbox->session());
  CO_TRY(const auto watcher, co_await session->watch(path, is_set(exchange, "recursive")));
  CO_TRY_VOID(co_await exchange.start_events());
  CO_TRY_VOID(co_await exchange.comment("watching"));  // from here on nothing is missed
  auto ended = co_await (send_changes(exchange, *watcher) || keep_awake(exchange) || exchange.gone());
  if (ended.index() == 0) CO_TRY_VOID(std::get<0>(std::move(ended)));
  co_return co_await exchange.finish();
}

Task<> Api::write_tar(http::Exchange& exchange) {
  CO_TRY(const Found found, find_to_use(exchange));
  CO_TRY(const GuestPath path, path_of(exchange));
  CO_TRY(const sandboxes::Unpacked unpacked,
         co_await sandboxes::unpack(found.sandbox, path,
                                    [&exchange](std::span<std::byte> buffer) { return exchange.read_some(buffer); }));
  const auto fail = [&](int status, std::string_view code) {
    return exchange.send(http::error_reply(status, code, unpacked.sentence, exchange.request_id()));
  };
  switch (unpacked.outcome) {
    case sandboxes::Unpacked::Outcome::kDone: break;
    case sandboxes::Unpacked::Outcome::kRefused: co_return co_await fail(422, "refused_entry");
    case sandboxes::Unpacked::Outcome::kBroken: co_return co_await fail(422, "bad_archive");
    case sandboxes::Unpacked::Outcome::kNoSpace: co_return co_await fail(507, "no_space");
  }
  co_return co_await exchange.send_json(200, text_of({{"path", path.text()}}));
}

Task<> Api::read_tar(http::Exchange& exchange) {
  CO_TRY(const Found found, find_to_use(exchange));
  CO_TRY(const GuestPath path, path_of(exchange));
  const bool is_gzip = is_set(exchange, "gzip");
  const std::string_view type = is_gzip ? "application/gzip" : "application/x-tar";
  CO_TRY_VOID(co_await sandboxes::pack(found.sandbox, path, is_gzip, [&exchange, type](std::string_view bytes) {
    return write_piece(exchange, type, bytes);
  }));
  co_return co_await exchange.finish();
}

}  // namespace brig::api::v1
