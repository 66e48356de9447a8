#include "http/body_reader.h"

#include <algorithm>

namespace brig::http {
namespace {

/// From the inbox, or past it straight to where it is wanted.
Task<std::size_t> take(Source source, std::span<std::byte> buffer) {
  if (!source.inbox.is_empty()) co_return source.inbox.take(buffer);
  if (source.has_ended) co_return std::size_t{0};
  CO_TRY(const std::size_t count, co_await source.stream.read_some(buffer));
  if (count == 0) source.has_ended = true;
  co_return count;
}

}  // namespace

Task<std::size_t> BodyReader::read_some(Source source, std::span<std::byte> buffer) {
  if (is_done_ || buffer.empty()) co_return std::size_t{0};
  if (framing_ == Framing::kChunked) co_return co_await read_chunked(source, buffer);
  co_return co_await read_plain(source, buffer);
}

Task<std::size_t> BodyReader::read_plain(Source source, std::span<std::byte> buffer) {
  if (framing_ == Framing::kLength) buffer = buffer.first(std::min<std::uint64_t>(buffer.size(), left_));
  CO_TRY(const std::size_t count, co_await take(source, buffer));
  if (framing_ == Framing::kUntilClose) {
    is_done_ = count == 0;
    co_return count;
  }
  if (count == 0) co_return Error(Code::kInvalidArgument, "the body is shorter than its Content-Length");
  left_ -= count;
  is_done_ = left_ == 0;
  co_return count;
}

Task<std::size_t> BodyReader::read_chunked(Source source, std::span<std::byte> buffer) {
  constexpr std::size_t kRoom = std::size_t{16} << 10;
  while (true) {
    CO_TRY(const auto step, chunks_.decode(source.inbox.view(), buffer));
    source.inbox.consume(step.consumed);
    is_done_ = chunks_.is_done();
    if (step.produced > 0 || is_done_) co_return step.produced;
    const bool is_inside = chunks_.remaining() > 0;
    auto room = is_inside ? buffer.first(std::min<std::uint64_t>(buffer.size(), chunks_.remaining()))
                          : source.inbox.room(kRoom);
    std::size_t count = 0;
    if (!source.has_ended) {
      CO_TRY(count, co_await source.stream.read_some(room));
    }
    if (count == 0) {
      source.has_ended = true;
      co_return Error(Code::kInvalidArgument, "the chunked body ends in the middle");
    }
    if (is_inside) {
      chunks_.skip(count);
      co_return count;
    }
    source.inbox.commit(count);
  }
}

}  // namespace brig::http
