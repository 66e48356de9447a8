#pragma once
/// ChunkDecoder: a chunked body (RFC 9112, 7.1), taken apart as it arrives. Part of the room; nothing else uses it.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace brig::http {

class ChunkDecoder {
 public:
  struct Step {
    std::size_t consumed = 0;
    std::size_t produced = 0;
  };
  /// Takes from `in` and writes data to `out` until one of them is used up or the body ends. kInvalidArgument for
  /// anything but hexadecimal digits, extensions of up to 1 KiB a chunk, CRLF, and trailers of up to 8 KiB, which are
  /// dropped.
  Result<Step> decode(std::string_view in, std::span<std::byte> out);
  /// Data of the current chunk that is still to come: so much may be read past the decoder, and then told to skip().
  [[nodiscard]] std::uint64_t remaining() const { return place_ == Place::kData ? remaining_ : 0; }
  void skip(std::uint64_t bytes);
  [[nodiscard]] bool is_done() const { return place_ == Place::kDone; }

 private:
  enum class Place : std::uint8_t {
    kSize,
    kExtension,
    kSizeEnd,
    kData,
    kDataCr,
    kDataLf,
    kTrailer,
    kTrailerEnd,
    kDone
  };
  Result<> take(char c);
  Result<> take_size(char c);
  Result<> take_trailer(char c);

  Place place_ = Place::kSize;
  std::uint64_t remaining_ = 0;
  std::size_t digits_ = 0;
  std::size_t extra_ = 0;      ///< bytes of this chunk's extensions, or of the trailers
  bool is_line_empty_ = true;  ///< of a trailer line
};

/// "1a CRLF", what goes before a chunk of this size.
std::string chunk_head(std::size_t size);

}  // namespace brig::http
