#include "api/e2b/gzip.h"

#include <zlib.h>

#include "base/buffer.h"
#include "base/check.h"

namespace brig::api::e2b {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10;
constexpr int kGzipOnly = 15 + 16;  // zlib.h: the largest window, and no other wrapping

Error broken() { return {Code::kInvalidArgument, "the body says that it is gzip, and is not"}; }

}  // namespace

struct Gunzip::State {
  guest::ByteSource source;
  Buffer packed{kPiece};
  z_stream stream{};
  bool is_over = false;
};

Gunzip::Gunzip(guest::ByteSource source) : state_(std::make_unique<State>()) {
  state_->source = std::move(source);
  BRIG_CHECK(::inflateInit2(&state_->stream, kGzipOnly) == Z_OK, "zlib has no memory");
}

Gunzip::~Gunzip() { ::inflateEnd(&state_->stream); }

Task<std::size_t> Gunzip::read_some(std::span<std::byte> buffer) {
  z_stream& stream = state_->stream;
  if (state_->is_over || buffer.empty()) co_return std::size_t{0};
  const auto room = static_cast<uInt>(std::min<std::size_t>(buffer.size(), kPiece));
  stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
  stream.avail_out = room;
  while (stream.avail_out == room) {
    if (stream.avail_in == 0) {
      CO_TRY(const std::size_t count, co_await state_->source(state_->packed.bytes()));
      if (count == 0) co_return broken();
      stream.next_in = reinterpret_cast<Bytef*>(state_->packed.bytes().data());
      stream.avail_in = static_cast<uInt>(count);
    }
    const int status = ::inflate(&stream, Z_NO_FLUSH);
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) co_return broken();
    if (status != Z_STREAM_END) continue;
    state_->is_over = true;
    if (stream.avail_in > 0) co_return broken();
    CO_TRY(const std::size_t more, co_await state_->source(state_->packed.bytes()));
    if (more > 0) co_return broken();
    break;
  }
  co_return std::size_t{room - stream.avail_out};
}

struct Gzip::State {
  z_stream stream{};
};

Gzip::Gzip() : state_(std::make_unique<State>()) {
  constexpr int kUsualMemory = 8;  // zlib.h: memLevel's default
  BRIG_CHECK(
      ::deflateInit2(&state_->stream, Z_BEST_SPEED, Z_DEFLATED, kGzipOnly, kUsualMemory, Z_DEFAULT_STRATEGY) == Z_OK,
      "zlib has no memory");
}

Gzip::~Gzip() { ::deflateEnd(&state_->stream); }

std::string Gzip::add(std::string_view piece) { return run(piece, Z_NO_FLUSH); }
std::string Gzip::finish() { return run({}, Z_FINISH); }

std::string Gzip::run(std::string_view piece, int flush) {
  z_stream& stream = state_->stream;
  // zlib's own type has no const; deflate() only reads.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
  stream.avail_in = static_cast<uInt>(piece.size());
  std::string packed;
  do {
    const std::size_t before = packed.size();
    packed.resize(before + kPiece);
    stream.next_out = reinterpret_cast<Bytef*>(packed.data() + before);
    stream.avail_out = static_cast<uInt>(kPiece);
    (void)::deflate(&stream, flush);  // with room and a sound state it has no way to fail
    packed.resize(packed.size() - stream.avail_out);
  } while (stream.avail_out == 0);
  return packed;
}

}  // namespace brig::api::e2b
