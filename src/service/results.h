#pragma once
/// Results: the JSON lines a program (through its language's driver) wrote to descriptor 3, taken as hostile.
///
/// A line is {"type": "result", "data": {MIME: text or base64}} or {"type": "error", "name", "value", "traceback"}.
/// What is malformed, too long or too much is counted and forgotten: the bounds below hold whatever the guest sends.
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "service/records.h"

namespace brig::service {

inline constexpr std::size_t kResultBytesMax = std::size_t{16} << 20;  ///< bytes kept of all lines together
inline constexpr std::size_t kResultReadMax = 2 * kResultBytesMax;  ///< bytes read of all lines together, kept or not
inline constexpr std::size_t kResultsMax = 256;

class Results {
 public:
  void append(std::span<const std::byte> bytes);
  /// A last line may lack its newline.
  void finish();

  [[nodiscard]] const std::vector<RichResult>& items() const { return items_; }
  [[nodiscard]] const std::optional<ProgramError>& error() const { return error_; }
  /// Lines that were malformed or over a bound.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_ + lines_.dropped(); }

 private:
  void take_line(std::string_view line);

  Lines lines_;
  std::size_t kept_ = 0;
  std::size_t read_ = 0;
  std::vector<RichResult> items_;
  std::optional<ProgramError> error_;
  std::uint64_t dropped_ = 0;
};

}  // namespace brig::service
