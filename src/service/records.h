#pragma once
/// Records: the JSON lines that a driver or a kernel inside writes to descriptor 3, taken as hostile. Pure.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/fwd.hpp>

namespace brig::service {

inline constexpr std::size_t kResultLineMax = std::size_t{10} << 20;  ///< bytes of one line
inline constexpr std::size_t kFormsMax = 16;                          ///< MIME types of one result

/// One thing a program showed, in its forms by MIME type. Binary forms (image/png …) are base64, as the driver sent
/// them.
struct RichResult {
  std::vector<std::pair<std::string, std::string>> forms;
  /// The form of that type, or null.
  [[nodiscard]] const std::string* find(std::string_view mime) const;
};

/// The exception that ended an interpreted program.
struct ProgramError {
  std::string name;
  std::string value;
  std::string traceback;
};

/// The object of one line; none if it is not JSON, no object, or has more values than a record may.
std::optional<boost::json::object> parse_record(std::string_view line);
/// A text by its key; empty if there is none.
std::string text_of(const boost::json::object& record, std::string_view key);
std::optional<RichResult> result_of(const boost::json::object& record);
ProgramError error_of(const boost::json::object& record);

/// Cuts bytes into lines of at most kResultLineMax.
class Lines {
 public:
  /// `take` gets each whole line, without its end and never empty.
  template <class Take>
  void append(std::span<const std::byte> bytes, Take take) {
    std::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    while (!rest.empty()) {
      const std::size_t end = rest.find('\n');
      add(rest.substr(0, end));
      if (end == std::string_view::npos) return;
      finish(take);
      rest.remove_prefix(end + 1);
    }
  }
  /// A last line may lack its end.
  template <class Take>
  void finish(Take take) {
    if (!is_skipping_ && !line_.empty()) take(std::string_view(line_));
    line_ = {};  // and its memory, which a long line would keep until the end
    is_skipping_ = false;
  }
  /// The line that has begun is dropped, as one that is too long.
  void skip() {
    if (!std::exchange(is_skipping_, true)) ++dropped_;
    line_ = {};
  }
  /// Bytes of the line that has begun.
  [[nodiscard]] std::size_t held() const { return line_.size(); }
  /// Lines that were too long.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  void add(std::string_view piece);

  std::string line_;
  bool is_skipping_ = false;  ///< until the end of a line that is too long
  std::uint64_t dropped_ = 0;
};

}  // namespace brig::service
