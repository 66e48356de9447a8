#pragma once
/// The heads of requests and answers, as bytes. Part of the room; nothing else uses it.
///
/// Strict by construction: lines end in CRLF, nothing is folded, names are tokens, no control characters, one reading
/// of where a body ends. What RFC 9112 lets a reader guess is refused, because the next reader may guess otherwise.
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "http/headers.h"
#include "http/limits.h"

namespace brig::http {

/// A client's mistake, as it is told to it.
struct Refusal {
  int status = 400;
  std::string_view code = "bad_request";
  std::string sentence;
};

/// How the end of a body is known.
enum class Framing : std::uint8_t { kNone, kLength, kChunked, kUntilClose };

struct RequestHead {
  std::string method;
  std::string target;
  bool is_http_1_0 = false;
  Headers headers;
  Framing framing = Framing::kNone;
  std::uint64_t length = 0;  ///< of kLength
  bool expects_continue = false;
  bool may_keep_alive = false;
};

struct AnswerHead {
  int status = 0;
  Headers headers;
  Framing framing = Framing::kNone;
  std::uint64_t length = 0;
  bool may_keep_alive = false;
};

/// Looks for the end of a head in bytes that arrive piece by piece.
class HeadScanner {
 public:
  /// `bytes` begins with the head and only ever grows. The size of the head with its last CRLF CRLF; nothing if it goes
  /// on; a refusal as soon as it can be none: a line that ends in LF alone, or more than `header_bytes`.
  std::expected<std::optional<std::size_t>, Refusal> scan(std::string_view bytes, std::size_t header_bytes);
  /// The size of the first line without its CRLF, once it is there.
  [[nodiscard]] std::optional<std::size_t> first_line() const { return first_line_; }

 private:
  std::size_t scanned_ = 0;
  std::size_t line_ = 0;  ///< where the current line begins
  std::optional<std::size_t> first_line_;
};

/// What can be said of a request by its first line alone: 400, 414, 501 or 505.
std::optional<Refusal> refuse_request_line(std::string_view line, const Limits& limits);
/// `text` ends in CRLF CRLF.
std::expected<RequestHead, Refusal> parse_request_head(std::string_view text, const Limits& limits);
/// `method` is the one that is answered: the answer to HEAD has no body.
std::expected<AnswerHead, Refusal> parse_answer_head(std::string_view text, std::string_view method);

/// At most 18 decimal digits and nothing else.
std::optional<std::uint64_t> parse_length(std::string_view text);

/// Appends "Name: value CRLF" for each field, but those that frame a message and are the room's own to write.
/// False if a name or a value may not stand in a head.
bool append_headers(std::string& out, const Headers& headers);

}  // namespace brig::http
