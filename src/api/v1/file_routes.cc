#include <algorithm>

#include <boost/json/value.hpp>

#include "api/v1/api.h"
#include "api/v1/query.h"
#include "api/v1/read.h"
#include "api/v1/render.h"
#include "base/buffer.h"
#include "http/range.h"

namespace brig::api::v1 {
namespace {

namespace bj = boost::json;

/// Bytes asked of the guest at a time: what one request holds in memory, whatever the file's size.
constexpr std::uint64_t kPiece = std::uint64_t{1} << 20;
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

/// Up to `most` bytes from `at` on: fewer only if the file ends there.
Task<std::string> read_piece(std::shared_ptr<sandboxes::Sandbox> sandbox, GuestPath path, std::uint64_t at,
                             std::uint64_t most) {
  CO_TRY(guest::Session * session, sandbox->session());  // it may have ended since
  std::string piece;
  const guest::ByteSink keep = [&piece](std::span<const std::byte> bytes) -> Result<> {
    piece.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return {};
  };
  CO_TRY_VOID(co_await session->read_file(path, at, most, keep));
  co_return piece;
}

Task<> refuse_range(http::Exchange& exchange, http::ByteRange range, std::uint64_t size) {
  auto reply = http::error_reply(416, "range_not_satisfiable",
                                 "nothing of the range is there: the file has " + std::to_string(size) + " bytes",
                                 exchange.request_id());
  reply.headers.add("Content-Range", http::content_range(range, size));
  co_return co_await exchange.send(std::move(reply));
}

/// A whole file, or the range of it that `field` asks for.
Task<> send_small(http::Exchange& exchange, std::string file, const std::string* field) {
  http::Headers headers{{"Content-Type", "application/octet-stream"}, {"Accept-Ranges", "bytes"}};
  const std::uint64_t size = file.size();
  const auto range = field != nullptr ? http::parse_range(*field, size) : std::nullopt;
  if (!range) co_return co_await exchange.send(200, std::move(headers), std::move(file));
  if (range->count == 0) co_return co_await refuse_range(exchange, *range, size);
  headers.add("Content-Range", http::content_range(*range, size));
  co_return co_await exchange.send(206, std::move(headers), file.substr(range->first, range->count));
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

/// In pieces, so that a file of any size costs one piece of memory. What ends within the first piece is sent as it is,
/// whatever its size is said to be: the files of /proc say 0, those of /sys more than they have. A larger one that
/// shrinks meanwhile cuts the answer.
Task<> Api::read_file(http::Exchange& exchange) {
  CO_TRY(const Found found, find_to_use(exchange));
  CO_TRY(const GuestPath path, path_of(exchange));
  CO_TRY(guest::Session * session, found.sandbox->session());
  CO_TRY(const guest::FileEntry entry, co_await session->stat(path));
  if (entry.type == guest::FileType::kFolder)
    co_return Error(Code::kConflict, path.text() + " is a folder; GET …/fs/dir lists it");
  if (entry.type != guest::FileType::kRegular) co_return Error(Code::kConflict, path.text() + " is not a regular file");
  // We give no validators, so a condition on one never holds.
  const std::string* field = exchange.header("If-Range") == nullptr ? exchange.header("Range") : nullptr;
  const std::uint64_t size = entry.size.count;
  const auto asked = field != nullptr && size > kPiece ? http::parse_range(*field, size) : std::nullopt;
  if (asked && asked->count == 0) co_return co_await refuse_range(exchange, *asked, size);

  std::uint64_t at = asked ? asked->first : 0;
  std::uint64_t left = asked ? asked->count : size;
  std::uint64_t wanted = asked ? std::min(left, kPiece) : kPiece;
  CO_TRY(std::string piece, co_await read_piece(found.sandbox, path, at, wanted));
  if (!asked && piece.size() < kPiece) co_return co_await send_small(exchange, std::move(piece), field);
  if (piece.size() < wanted) co_return Error(Code::kConflict, path.text() + " became shorter while it was read");
  http::Headers headers{{"Content-Type", "application/octet-stream"}};
  if (size > kPiece) headers.add("Accept-Ranges", "bytes");
  if (asked) headers.add("Content-Range", http::content_range(*asked, size));
  // One that is larger than it says is read until its end.
  const bool is_known = size >= piece.size();
  CO_TRY_VOID(
      co_await exchange.start(asked ? 206 : 200, std::move(headers), is_known ? std::optional(left) : std::nullopt));
  while (!piece.empty()) {
    CO_TRY_VOID(co_await exchange.write(piece));
    at += piece.size();
    left -= std::min<std::uint64_t>(left, piece.size());
    if (is_known && left == 0) break;
    wanted = is_known ? std::min(left, kPiece) : kPiece;
    CO_TRY(piece, co_await read_piece(found.sandbox, path, at, wanted));
    if (is_known && piece.empty()) co_return Error(Code::kConflict, path.text() + " became shorter while it was read");
  }
  co_return co_await exchange.finish();
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
