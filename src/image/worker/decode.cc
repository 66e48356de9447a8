#include "image/worker/decode.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <vector>

namespace brig::image {
namespace {

constexpr std::size_t kPiece = std::size_t{128} << 10;
constexpr std::string_view kGzip("\x1f\x8b", 2);
constexpr std::string_view kZstd("\x28\xb5\x2f\xfd", 4);
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kOthers{
    {{std::string_view("\xfd"
                       "7zXZ",
                       5),
      "xz"},
     {"BZh", "bzip2"},
     {std::string_view("\x04\x22\x4d\x18", 4), "lz4"}}};

/// The bytes of a stream with those first that were looked at already.
class Packed {
 public:
  explicit Packed(ByteStream& from) : from_(from) {}

  Result<std::string_view> peek() {
    buffer_.resize(kPiece);
    end_ = TRY(read_full(from_, std::span(buffer_.data(), 8)));
    return std::string_view(buffer_.data(), end_);
  }
  /// Unread bytes; empty at the end.
  Result<std::span<const char>> more() {
    if (at_ == end_) {
      at_ = 0;
      end_ = TRY(from_.read_some(buffer_));
      taken_ += end_;
    }
    return std::span<const char>(buffer_.data() + at_, end_ - at_);
  }
  void take(std::size_t count) { at_ += count; }
  [[nodiscard]] std::uint64_t taken() const { return taken_; }

 private:
  ByteStream& from_;
  std::vector<char> buffer_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  std::uint64_t taken_ = 8;
};

/// What all decoders share: the input, and the bounds on what comes out of it.
class Decoder : public ByteStream {
 public:
  Decoder(Packed packed, Unfolding bounds) : packed_(std::move(packed)), bounds_(bounds) {}

  Result<std::size_t> read_some(std::span<char> buffer) final {
    const std::size_t count = TRY(produce(buffer));
    out_ += count;
    if (out_ > bounds_.most)
      return Error(Code::kExhausted, "unpacked it has more than " + std::to_string(bounds_.most >> 20U) + " MB");
    if (out_ > bounds_.free && out_ / bounds_.ratio > packed_.taken()) {
      return Error(Code::kExhausted, "it unfolds to more than " + std::to_string(bounds_.ratio) +
                                         " times its size, as a decompression bomb does");
    }
    return count;
  }

 protected:
  virtual Result<std::size_t> produce(std::span<char> buffer) = 0;
  Packed packed_;

 private:
  Unfolding bounds_;
  std::uint64_t out_ = 0;
};

class Plain final : public Decoder {
 public:
  using Decoder::Decoder;

 protected:
  Result<std::size_t> produce(std::span<char> buffer) override {
    const std::span<const char> bytes = TRY(packed_.more());
    const std::size_t count = std::min(buffer.size(), bytes.size());
    std::copy_n(bytes.begin(), count, buffer.begin());
    packed_.take(count);
    return count;
  }
};

class Gunzip final : public Decoder {
 public:
  Gunzip(Packed packed, Unfolding bounds) : Decoder(std::move(packed), bounds) {
    is_open_ = ::inflateInit2(&state_, 15 + 16) == Z_OK;  // 16: a gzip header, and no other
  }
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;
  ~Gunzip() override { ::inflateEnd(&state_); }

 protected:
  Result<std::size_t> produce(std::span<char> buffer) override {
    if (!is_open_) return Error(Code::kExhausted, "there is no memory to unpack it");
    while (true) {
      const std::span<const char> bytes = TRY(packed_.more());
      if (bytes.empty()) {
        if (is_between_) return std::size_t{0};
        return Error(Code::kInvalidArgument, "its gzip data ends too early");
      }
      if (is_between_) {  // several members after each other are one stream (RFC 1952, 2.2)
        ::inflateReset(&state_);
        is_between_ = false;
      }
      state_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
      state_.avail_in = static_cast<uInt>(bytes.size());
      state_.next_out = reinterpret_cast<Bytef*>(buffer.data());
      state_.avail_out = static_cast<uInt>(std::min<std::size_t>(buffer.size(), kPiece));
      const uInt room = state_.avail_out;
      const int result = ::inflate(&state_, Z_NO_FLUSH);
      packed_.take(bytes.size() - state_.avail_in);
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return Error(Code::kInvalidArgument, "its gzip data is broken");
      is_between_ = result == Z_STREAM_END;
      if (room != state_.avail_out) return std::size_t{room - state_.avail_out};
    }
  }

 private:
  z_stream state_{};
  bool is_open_ = false;
  bool is_between_ = false;
};

class Unzstd final : public Decoder {
 public:
  Unzstd(Packed packed, Unfolding bounds) : Decoder(std::move(packed), bounds), state_(::ZSTD_createDStream()) {
    // 128 MB of window: what `zstd --ultra` and builders use at most; more is memory that the data chooses.
    if (state_ != nullptr) ::ZSTD_DCtx_setParameter(state_, ZSTD_d_windowLogMax, 27);
  }
  Unzstd(const Unzstd&) = delete;
  Unzstd& operator=(const Unzstd&) = delete;
  ~Unzstd() override { ::ZSTD_freeDStream(state_); }

 protected:
  Result<std::size_t> produce(std::span<char> buffer) override {
    if (state_ == nullptr) return Error(Code::kExhausted, "there is no memory to unpack it");
    while (true) {
      const std::span<const char> bytes = TRY(packed_.more());
      ZSTD_inBuffer in{.src = bytes.data(), .size = bytes.size(), .pos = 0};
      ZSTD_outBuffer out{.dst = buffer.data(), .size = buffer.size(), .pos = 0};
      const std::size_t left = ::ZSTD_decompressStream(state_, &out, &in);
      packed_.take(in.pos);
      if (::ZSTD_isError(left) != 0U) return Error(Code::kInvalidArgument, "its zstd data is broken");
      if (out.pos > 0) {
        is_between_ = left == 0;
        return out.pos;
      }
      if (bytes.empty()) {
        if (is_between_ || left == 0) return std::size_t{0};
        return Error(Code::kInvalidArgument, "its zstd data ends too early");
      }
      is_between_ = left == 0;
    }
  }

 private:
  ZSTD_DStream* state_;
  bool is_between_ = false;
};

}  // namespace

Result<std::unique_ptr<ByteStream>> decode(ByteStream& packed, Unfolding bounds) {
  Packed input(packed);
  const std::string_view start = TRY(input.peek());
  for (const auto& [magic, name] : kOthers) {
    if (start.starts_with(magic)) {
      return Error(Code::kUnsupported, "it is compressed with " + std::string(name) +
                                           ", and only gzip and zstd are read: unpack it and pack it again");
    }
  }
  std::unique_ptr<ByteStream> decoder;
  if (start.starts_with(kGzip)) decoder = std::make_unique<Gunzip>(std::move(input), bounds);
  else if (start.starts_with(kZstd)) decoder = std::make_unique<Unzstd>(std::move(input), bounds);
  else decoder = std::make_unique<Plain>(std::move(input), bounds);
  return decoder;
}

Result<std::size_t> HashingStream::read_some(std::span<char> buffer) {
  const std::size_t count = TRY(from_.read_some(buffer));
  hash_.update({buffer.data(), count});
  count_ += count;
  return count;
}

Result<std::string> HashingStream::finish() {
  std::vector<char> piece(kPiece);
  while (TRY(read_some(piece)) > 0) {
  }
  return hash_.finish();
}

}  // namespace brig::image
