#include "api/common/file_answer.h"

#include <algorithm>

#include "http/range.h"

namespace brig::api {
namespace {

/// Bytes asked of the guest at a time: what one request holds in memory, whatever the file's size.
constexpr std::uint64_t kPiece = std::uint64_t{1} << 20;

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

}  // namespace

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

Task<> send_file(http::Exchange& exchange, std::shared_ptr<sandboxes::Sandbox> sandbox, GuestPath path, Bytes said) {
  // We give no validators, so a condition on one never holds.
  const std::string* field = exchange.header("If-Range") == nullptr ? exchange.header("Range") : nullptr;
  const std::uint64_t size = said.count;
  const auto asked = field != nullptr && size > kPiece ? http::parse_range(*field, size) : std::nullopt;
  if (asked && asked->count == 0) co_return co_await refuse_range(exchange, *asked, size);

  std::uint64_t at = asked ? asked->first : 0;
  std::uint64_t left = asked ? asked->count : size;
  std::uint64_t wanted = asked ? std::min(left, kPiece) : kPiece;
  CO_TRY(std::string piece, co_await read_piece(sandbox, path, at, wanted));
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
    CO_TRY(piece, co_await read_piece(sandbox, path, at, wanted));
    if (is_known && piece.empty()) co_return Error(Code::kConflict, path.text() + " became shorter while it was read");
  }
  co_return co_await exchange.finish();
}

}  // namespace brig::api
