#pragma once
/// Envelopes: how the Connect protocol packs the messages of a stream into a body. Pure.
///
/// One byte of flags, the length in four bytes (the highest first), the payload. What comes is read as hostile: an
/// envelope is bounded before it is kept; one that is compressed, or of a kind that nobody asked for, is an error.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace brig::http {

struct Envelope {
  bool is_end = false;  ///< of the stream
  std::string payload;
};

/// `payload` as a message of its own.
std::string enveloped(std::string_view payload);
/// `payload` as the last word of a stream.
std::string enveloped_end(std::string_view payload);

/// Takes bytes as they come, gives envelopes. After an error it gives nothing else.
class EnvelopeReader {
 public:
  /// `most`: bytes of one payload.
  explicit EnvelopeReader(std::size_t most) : most_(most) {}
  /// Keeps `bytes`. Ask next() until it has nothing more before each: then less than one envelope is kept.
  void feed(std::string_view bytes);
  /// Nothing: more bytes are needed. kInvalidArgument for what is no envelope, is compressed or is too large.
  Result<std::optional<Envelope>> next();
  /// In the middle of an envelope.
  [[nodiscard]] bool has_rest() const { return begin_ < bytes_.size(); }

 private:
  std::size_t most_;
  std::string bytes_;
  std::size_t begin_ = 0;
};

}  // namespace brig::http
