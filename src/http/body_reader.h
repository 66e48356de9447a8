#pragma once
/// BodyReader: the body of one message, whatever ends it, at both ends. Part of the room; nothing else uses it.
#include <cstddef>
#include <cstdint>
#include <span>

#include "http/chunked.h"
#include "http/head.h"
#include "http/inbox.h"
#include "http/stream.h"

namespace brig::http {

/// Where bytes come from: what has come already, and the stream behind it.
struct Source {
  Inbox& inbox;
  Stream& stream;
  bool& has_ended;  ///< the other side sends nothing more
};

class BodyReader {
 public:
  BodyReader() = default;
  BodyReader(Framing framing, std::uint64_t length)
      : framing_(framing), left_(length),
        is_done_(framing == Framing::kNone || (framing == Framing::kLength && length == 0)) {}

  /// The next bytes, 0 at the end of the body. kInvalidArgument for broken chunks and a body that ends too early.
  Task<std::size_t> read_some(Source source, std::span<std::byte> buffer);
  [[nodiscard]] bool is_done() const { return is_done_; }
  /// What is left of a body with a length.
  [[nodiscard]] std::uint64_t left() const { return framing_ == Framing::kLength ? left_ : 0; }
  /// Nothing more will be read, whatever the reason.
  void give_up() { is_done_ = true; }

 private:
  Task<std::size_t> read_plain(Source source, std::span<std::byte> buffer);
  Task<std::size_t> read_chunked(Source source, std::span<std::byte> buffer);

  Framing framing_ = Framing::kNone;
  std::uint64_t left_ = 0;
  ChunkDecoder chunks_;
  bool is_done_ = true;
};

}  // namespace brig::http
