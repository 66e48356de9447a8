#include "http/chunked.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace brig::http {
namespace {

constexpr std::size_t kMaxDigits = 15;  // below 2^60: no sum of ours overflows
constexpr std::size_t kMaxExtension = 1024;
constexpr std::size_t kMaxTrailers = 8192;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }

Error bad(std::string_view what) {
  return {Code::kInvalidArgument, "the chunked body is malformed: " + std::string(what)};
}

}  // namespace

Result<ChunkDecoder::Step> ChunkDecoder::decode(std::string_view in, std::span<std::byte> out) {
  Step step;
  while (step.consumed < in.size() && place_ != Place::kDone) {
    if (place_ != Place::kData) {
      TRY(take(in[step.consumed]));
      ++step.consumed;
      continue;
    }
    const std::size_t count =
        std::min({in.size() - step.consumed, out.size() - step.produced, static_cast<std::size_t>(remaining_)});
    if (count == 0) break;  // `out` is full
    std::memcpy(out.data() + step.produced, in.data() + step.consumed, count);
    step.consumed += count;
    step.produced += count;
    skip(count);
  }
  return step;
}

void ChunkDecoder::skip(std::uint64_t bytes) {
  remaining_ -= bytes;
  if (remaining_ == 0) place_ = Place::kDataCr;
}

Result<> ChunkDecoder::take(char c) {
  switch (place_) {
    case Place::kSize: return take_size(c);
    case Place::kExtension:
      if (c == '\r') {
        place_ = Place::kSizeEnd;
      } else if (is_control(c) || ++extra_ > kMaxExtension) {
        return bad("its extension");
      }
      return {};
    case Place::kSizeEnd:
      if (c != '\n') return bad("a size without CRLF");
      place_ = remaining_ > 0 ? Place::kData : Place::kTrailer;
      digits_ = extra_ = 0;
      return {};
    case Place::kDataCr:
      if (c != '\r') return bad("data longer than its size");
      place_ = Place::kDataLf;
      return {};
    case Place::kDataLf:
      if (c != '\n') return bad("data without CRLF");
      place_ = Place::kSize;
      return {};
    case Place::kTrailer:
    case Place::kTrailerEnd: return take_trailer(c);
    case Place::kData:
    case Place::kDone: break;
  }
  return {};
}

Result<> ChunkDecoder::take_size(char c) {
  if (const int digit = hex_digit(c); digit >= 0) {
    if (++digits_ > kMaxDigits) return bad("a size beyond reason");
    remaining_ = remaining_ * 16 + static_cast<std::uint64_t>(digit);
    return {};
  }
  if (digits_ == 0) return bad("a size that is no hexadecimal number");
  if (c == '\r') {
    place_ = Place::kSizeEnd;
  } else if (c == ';') {
    place_ = Place::kExtension;
  } else {
    return bad("a size that is no hexadecimal number");
  }
  return {};
}

Result<> ChunkDecoder::take_trailer(char c) {
  if (++extra_ > kMaxTrailers) return bad("trailers longer than 8 KiB");
  if (place_ == Place::kTrailerEnd) {
    if (c != '\n') return bad("a trailer without CRLF");
    place_ = is_line_empty_ ? Place::kDone : Place::kTrailer;
    is_line_empty_ = true;
  } else if (c == '\r') {
    place_ = Place::kTrailerEnd;
  } else if (is_control(c)) {
    return bad("a trailer with control characters");
  } else {
    is_line_empty_ = false;
  }
  return {};
}

std::string chunk_head(std::size_t size) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), size, 16).ptr;
  return std::string(digits.data(), end) + "\r\n";
}

}  // namespace brig::http
