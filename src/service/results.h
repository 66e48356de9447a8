#pragma once
/// Results: the JSON lines a program (through its language's driver) wrote to descriptor 3, taken as hostile.
///
/// A line is {"type": "result", "data": {MIME: text or base64}} or {"type": "error", "name", "value", "traceback"}.
/// What is malformed, too long or too much is counted and forgotten: the bounds below hold whatever the guest sends.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace brig::service {

inline constexpr std::size_t kResultLineMax = std::size_t{10} << 20;   ///< bytes of one line
inline constexpr std::size_t kResultBytesMax = std::size_t{16} << 20;  ///< bytes kept of all lines together
inline constexpr std::size_t kResultReadMax = 2 * kResultBytesMax;  ///< bytes read of all lines together, kept or not
inline constexpr std::size_t kResultsMax = 256;
inline constexpr std::size_t kFormsMax = 16;  ///< MIME types of one result

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

class Results {
 public:
  void append(std::span<const std::byte> bytes);
  /// A last line may lack its newline.
  void finish();

  [[nodiscard]] const std::vector<RichResult>& items() const { return items_; }
  [[nodiscard]] const std::optional<ProgramError>& error() const { return error_; }
  /// Lines that were malformed or over a bound.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  void take_line(std::string_view line);

  std::string line_;
  bool is_skipping_ = false;  ///< until the end of a line that is too long
  std::size_t kept_ = 0;
  std::size_t read_ = 0;
  std::vector<RichResult> items_;
  std::optional<ProgramError> error_;
  std::uint64_t dropped_ = 0;
};

}  // namespace brig::service
