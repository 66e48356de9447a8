#pragma once
/// Server-sent events: writing and reading `text/event-stream`.
///
/// Written with LF only, because some clients know nothing else. Read with LF, CR and CRLF.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace brig::http {

struct Event {
  std::string name;  ///< `event:`; empty = none
  std::string data;  ///< `data:`; each line of it becomes a line of its own
  std::string id;    ///< `id:`; empty = none
  bool operator==(const Event&) const = default;
};

/// The bytes of one event, with the blank line that ends it. CR and LF in name and id are dropped.
std::string format_event(const Event& event);
/// A comment that clients ignore: keeps proxies and connections awake.
std::string format_event_comment(std::string_view text);

/// Takes a stream apart into events. Comments and `retry:` are dropped.
class EventParser {
 public:
  explicit EventParser(std::size_t limit = std::size_t{16} << 20) : limit_(limit) {}
  /// kExhausted if one event is longer than the limit.
  Result<> feed(std::string_view bytes);
  /// The next complete event, if there is one.
  std::optional<Event> next();

 private:
  std::optional<std::string> next_line();

  std::size_t limit_;
  std::string buffer_;
  std::size_t start_ = 0;    ///< of the line that is being read
  std::size_t scanned_ = 0;  ///< up to here there is no line end
  Event event_;
  bool has_data_ = false;
};

}  // namespace brig::http
