#pragma once
/// multipart/form-data (RFC 7578), taken apart as it arrives: forms with files in them.
///
/// Strict, so that nobody else reads it another way: no preamble, no folded or bare lines, each part a `form-data` with
/// a name, nothing after the last boundary but one line end. Names and file names are what the client wrote: neither
/// unescaped from percent signs nor looked at as paths, which is whoever uses them to do. Constant memory, whatever the
/// size of a part.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.h"
#include "base/result.h"

namespace brig::http {

/// What stands before a part's contents.
struct PartHead {
  std::string name;                      ///< of the form's field; UTF-8, no control characters
  std::optional<std::string> file_name;  ///< the same; given for files only
  std::string content_type;              ///< "" if it is not said
  bool operator==(const PartHead&) const = default;
};

struct MultipartLimits {
  std::size_t parts = 1000;
  std::size_t head_bytes = std::size_t{8} << 10;  ///< of one part's headers
  std::size_t name_bytes = 4096;                  ///< of a name and of a file name
};

/// The boundary that `Content-Type: <field>` announces. kInvalidArgument if that is no multipart/form-data with one
/// boundary of 1 to 70 characters (RFC 2046, 5.1.1).
Result<std::string> multipart_boundary(std::string_view content_type);

/// The pure part. Feed, and take events until it needs more:
///
///     Head (Data)* End, as often as there are parts; then Done.
class MultipartParser {
 public:
  enum class Kind : std::uint8_t { kNeedsMore, kHead, kData, kEnd, kDone };
  struct Event {
    Kind kind = Kind::kNeedsMore;
    PartHead head;          ///< of kHead
    std::string_view data;  ///< of kData, never empty; until the next call of anything
  };

  /// `boundary` as multipart_boundary() gives it.
  explicit MultipartParser(std::string_view boundary, MultipartLimits limits = {});

  /// After kNeedsMore only, so that what is kept stays small.
  void feed(std::string_view bytes);
  /// Nothing more comes. What is then still missing is kInvalidArgument.
  void end() { has_ended_ = true; }
  /// kInvalidArgument for anything malformed, kExhausted for more parts, longer headers or names than the limits say.
  /// After an error, nothing else.
  Result<Event> next();

 private:
  enum class Place : std::uint8_t { kStart, kAfterBoundary, kHead, kData, kEpilogue, kDone };
  Result<Event> take_start();
  Result<Event> take_after_boundary();
  Result<Event> take_head();
  Result<Event> take_data();
  Result<Event> take_epilogue();
  Result<Event> needs_more() const;
  [[nodiscard]] std::string_view rest() const { return std::string_view(buffer_).substr(at_); }

  std::string delimiter_;  ///< CR LF, two hyphens, the boundary
  MultipartLimits limits_;
  std::string buffer_;
  std::size_t at_ = 0;  ///< what is before has been taken
  std::size_t parts_ = 0;
  bool is_in_part_ = false;
  bool has_ended_ = false;
  Place place_ = Place::kStart;
};

/// The same over a body that is read as it is needed:
///
///     while (auto head = next()) { while (read_some(buffer) > 0) … }
class MultipartReader {
 public:
  /// The next bytes of the body, 0 at its end: `Exchange::read_some`.
  using Read = std::function<Task<std::size_t>(std::span<std::byte>)>;

  MultipartReader(std::string_view boundary, Read read, MultipartLimits limits = {});

  /// The next part, nothing after the last; what was not read of the one before is dropped.
  Task<std::optional<PartHead>> next();
  /// The next bytes of the part, 0 at its end.
  Task<std::size_t> read_some(std::span<std::byte> buffer);
  /// All of it; kExhausted, naming the part, if it has more than `limit` bytes.
  Task<std::string> read_all(std::size_t limit);

 private:
  Task<MultipartParser::Event> pull();

  MultipartParser parser_;
  Read read_;
  std::vector<std::byte> piece_;
  std::string name_;       ///< of the part
  std::string_view data_;  ///< of it, in the parser, not taken yet
  bool is_in_part_ = false;
};

}  // namespace brig::http
