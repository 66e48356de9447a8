#pragma once
/// WebSocket (RFC 6455), both ends of it, without extensions.
///
/// Any number of tasks may write; one reads. Cancelling a read (`reading || something`) loses nothing: the next read
/// goes on where it stopped. Pings are answered while somebody reads.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/units.h"
#include "http/stream.h"

namespace brig::http {

struct Message {
  enum class Kind : std::uint8_t { kText, kBinary, kClose };
  Kind kind = Kind::kClose;
  std::string bytes;             ///< of a text valid UTF-8; of a close its reason
  std::uint16_t close_code = 0;  ///< of a close; 1005 if it gave none
};

class WebSocket {
 public:
  enum class Role : bool { kServer, kClient };
  /// Over a stream whose handshake is done. The stream outlives the object.
  WebSocket(Stream& stream, Role role);
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;
  ~WebSocket();

  /// The next message of at most `limit` bytes. A close is a message (and has been answered); nothing comes after it.
  /// kExhausted (closed with 1009) for a longer one, kInvalidArgument (closed with 1002 or 1007) for broken frames or
  /// text, kUnavailable if the other side is gone without a close, kDeadline after keep_alive()'s time.
  Task<Message> read(std::size_t limit);
  Task<> write_text(std::string_view text);
  Task<> write_binary(std::string_view bytes);
  Task<> ping(std::string_view payload = {});
  /// Says goodbye; reads go on until the other side has answered. Saying it twice is nothing.
  Task<> close(std::uint16_t code = 1000, std::string_view reason = {});
  /// From now on a read that hears nothing for `every` sends a ping, and after three such times ends with kDeadline.
  void keep_alive(Milliseconds every);
  [[nodiscard]] bool is_closed() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace brig::http
