#include "http/envelopes.h"

namespace brig::http {
namespace {

constexpr std::size_t kHeadSize = 5;  ///< flags, and the length in four bytes, the highest first
constexpr std::uint8_t kEndFlag = 2;

std::string packed(std::uint8_t flags, std::string_view payload) {
  const auto length = static_cast<std::uint32_t>(payload.size());
  std::string envelope(1, static_cast<char>(flags));
  envelope.reserve(kHeadSize + payload.size());
  for (const int shift : {24, 16, 8, 0}) envelope += static_cast<char>(length >> shift & 0xffU);
  return envelope.append(payload);
}

}  // namespace

std::string enveloped(std::string_view payload) { return packed(0, payload); }
std::string enveloped_end(std::string_view payload) { return packed(kEndFlag, payload); }

void EnvelopeReader::feed(std::string_view bytes) {
  bytes_.erase(0, begin_);
  begin_ = 0;
  bytes_.append(bytes);
}

Result<std::optional<Envelope>> EnvelopeReader::next() {
  const std::string_view rest = std::string_view(bytes_).substr(begin_);
  if (rest.size() < kHeadSize) return std::optional<Envelope>();
  const auto flags = static_cast<std::uint8_t>(rest[0]);
  if (flags != 0 && flags != kEndFlag)
    return Error(Code::kInvalidArgument, "an envelope of a kind that nobody asked for");
  std::size_t length = 0;
  for (const char byte : rest.substr(1, 4)) length = length << 8U | static_cast<std::uint8_t>(byte);
  if (length > most_) return Error(Code::kInvalidArgument, "an envelope of " + std::to_string(length) + " bytes");
  if (rest.size() - kHeadSize < length) return std::optional<Envelope>();
  begin_ += kHeadSize + length;
  return std::optional(Envelope{.is_end = flags == kEndFlag, .payload = std::string(rest.substr(kHeadSize, length))});
}

}  // namespace brig::http
