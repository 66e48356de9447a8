#pragma once
/// Stream: bytes in both directions, whatever carries them (TCP, Unix socket, TLS, a guest's channel).
///
/// One reader and any number of writers at a time; the bytes of one write stay together. Cancelling a read loses
/// nothing; cancelling a write that has begun breaks the stream.
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "async/task.h"

namespace brig::http {

class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;

  /// At least one byte into `buffer`, or 0 at the end of the stream. kUnavailable if the other side is gone, kDeadline,
  /// kCancelled.
  virtual Task<std::size_t> read_some(std::span<std::byte> buffer) = 0;
  /// All of `bytes`; suspends while the other side does not take them.
  virtual Task<> write_all(std::string_view bytes) = 0;
  /// Ends our direction; the other goes on.
  virtual Task<> shutdown_send() = 0;
  /// Closes now; what waits ends with kCancelled.
  virtual void close() = 0;
};

/// Copies `from` to `to` until the end of `from`, then ends `to`'s direction. Two of them are a tunnel.
Task<> pump(Stream& from, Stream& to);
/// Both directions until both have ended, or one has failed. Closes both.
Task<> tunnel(Stream& a, Stream& b);

}  // namespace brig::http
