#include <algorithm>

#include <boost/json/value.hpp>

#include "api/common/file_answer.h"
#include "api/common/query.h"
#include "api/v1/api.h"
#include "api/v1/read.h"
#include "api/v1/render.h"

namespace brig::api::v1 {
namespace {

namespace bj = boost::json;

constexpr std::uint32_t kEntriesMost = 10'000;

std::string json_of_written(const GuestPath& path, std::uint64_t bytes) {
  return text_of({{"path", path.text()}, {"bytes", bytes}});
}

/// PandaStack's clients take a mode for a text and a time for a number of seconds.
bj::object entry_json(const guest::FileEntry& entry, std::string_view name, Dialect dialect) {
  bj::object object = to_json(entry, name);
  if (dialect != Dialect::kPandaStack) return object;
  std::string octal = "0";
  for (int shift = 9; shift >= 0; shift -= 3)
    if (shift < 9 || (entry.mode >> shift & 7) != 0) octal += static_cast<char>('0' + (entry.mode >> shift & 7));
  object["mode"] = octal;
  object["mtime"] = std::chrono::duration_cast<std::chrono::seconds>(entry.mtime).count();
  return object;
}

Task<std::size_t> counted_read(http::Exchange& exchange, std::uint64_t& total, std::span<std::byte> buffer) {
  CO_TRY(const std::size_t count, co_await exchange.read_some(buffer));
  total += count;
  co_return count;
}

}  // namespace

void Api::add_file_routes(http::Router& router) {
  const std::string at = "/v1/sandboxes/{id}/fs";
  router.add("GET " + at, "file_read", [this](http::Exchange& e) { return awake(e, &Api::read_file); });
  router.add("PUT " + at, "file_write", [this](http::Exchange& e) { return awake(e, &Api::write_file); });
  router.add("DELETE " + at, "file_remove", [this](http::Exchange& e) { return awake(e, &Api::remove_file); });
  router.add("GET " + at + "/dir", "folder_list", [this](http::Exchange& e) { return awake(e, &Api::list_folder); });
  router.add("GET " + at + "/stat", "file_stat", [this](http::Exchange& e) { return awake(e, &Api::stat_file); });
  router.add("POST " + at + "/mkdir", "folder_make", [this](http::Exchange& e) { return awake(e, &Api::make_folder); });
  router.add("POST " + at + "/move", "file_move", [this](http::Exchange& e) { return awake(e, &Api::move_file); });
  router.add("POST " + at + "/chmod", "file_chmod", [this](http::Exchange& e) { return awake(e, &Api::set_mode); });
}

Task<> Api::read_file(http::Exchange& exchange) {
  CO_TRY(const Found found, find_to_use(exchange));
  CO_TRY(const GuestPath path, path_of(exchange));
  CO_TRY(guest::Session * session, found.sandbox->session());
  CO_TRY(const guest::FileEntry entry, co_await session->stat(path));
  if (entry.type == guest::FileType::kFolder)
    co_return Error(Code::kConflict, path.text() + " is a folder; GET …/fs/dir lists it");
  if (entry.type != guest::FileType::kRegular) co_return Error(Code::kConflict, path.text() + " is not a regular file");
  co_return co_await send_file(exchange, found.sandbox, path, entry.size);
}

Task<> Api::write_file(http::Exchange& exchange) {
  CO_TRY(const Found found, find_to_use(exchange));
  CO_TRY(const GuestPath path, path_of(exchange));
  CO_TRY(guest::Session * session, found.sandbox->session());
  std::uint64_t total = 0;
  const guest::ByteSource source = [&exchange, &total](std::span<std::byte> buffer) {
    return counted_read(exchange, total, buffer);
  };
  CO_TRY_VOID(co_await session->write_file(path, source,
                                           {.creates_parents = true, .is_exclusive = is_set(exchange, "exclusive")}));
  co_return co_await exchange.send_json(200, json_of_written(path, total));
}

Task<> Api::remove_file(http::Exchange& exchange) {
  CO_TRY(const Found found, find_to_use(exchange));
  CO_TRY(const GuestPath path, path_of(exchange));
  CO_TRY(guest::Session * session, found.sandbox->session());
  CO_TRY_VOID(co_await session->remove(path, is_set(exchange, "recursive")));
  co_return co_await exchange.send(204, {}, {});
}

Task<> Api::list_folder(http::Exchange& exchange) {
  CO_TRY(const Found found, find_to_use(exchange));
  CO_TRY(const GuestPath path, path_of(exchange));
  CO_TRY(guest::Session * session, found.sandbox->session());
  CO_TRY(guest::Listing listing, co_await session->list({.path = path, .depth = 0, .max_entries = kEntriesMost}));
  std::ranges::sort(listing.entries, {}, &guest::FileEntry::path);
  bj::array entries;
  for (const guest::FileEntry& entry : listing.entries)
    entries.emplace_back(entry_json(entry, entry.path, found.caller.dialect));
  bj::object object{{"path", path.text()}, {"entries", std::move(entries)}, {"is_truncated", listing.is_truncated}};
  co_return co_await exchange.send_json(200, text_of(object));
}

Task<> Api::stat_file(http::Exchange& exchange) {
  CO_TRY(const Found found, find_to_use(exchange));
  CO_TRY(const GuestPath path, path_of(exchange));
  CO_TRY(guest::Session * session, found.sandbox->session());
  CO_TRY(const guest::FileEntry entry, co_await session->stat(path));
  bj::object object = entry_json(entry, path.name(), found.caller.dialect);
  object["path"] = path.text();
  co_return co_await exchange.send_json(200, text_of(object));
}

Task<> Api::make_folder(http::Exchange& exchange) {
  CO_TRY(const Found found, find_to_use(exchange));
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  CO_TRY(const std::string text, read_path(body));
  CO_TRY(const GuestPath path, GuestPath::parse(text).context("$.path"));
  CO_TRY(guest::Session * session, found.sandbox->session());
  CO_TRY_VOID(co_await session->make_dir(path, 0755, true));
  co_return co_await exchange.send_json(201, text_of({{"path", path.text()}}));
}

Task<> Api::move_file(http::Exchange& exchange) {
  CO_TRY(const Found found, find_to_use(exchange));
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  CO_TRY(const MoveBody move, read_move(body));
  CO_TRY(const GuestPath from, GuestPath::parse(move.from).context("$.from"));
  CO_TRY(const GuestPath to, GuestPath::parse(move.to).context("$.to"));
  CO_TRY(guest::Session * session, found.sandbox->session());
  CO_TRY_VOID(co_await session->move(from, to));
  co_return co_await exchange.send_json(200, text_of({{"path", to.text()}}));
}

Task<> Api::set_mode(http::Exchange& exchange) {
  CO_TRY(const Found found, find_to_use(exchange));
  CO_TRY(const std::string body, co_await exchange.read_body(kBodyMax));
  CO_TRY(const ModeBody mode, read_mode(body));
  CO_TRY(const GuestPath path, GuestPath::parse(mode.path).context("$.path"));
  CO_TRY(guest::Session * session, found.sandbox->session());
  CO_TRY_VOID(co_await session->chmod(path, mode.mode));
  co_return co_await exchange.send(204, {}, {});
}

}  // namespace brig::api::v1
