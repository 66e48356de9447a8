#pragma once
/// Terminal text: what a program printed, so that a terminal may be shown it. Pure.
///
/// A terminal obeys what it is sent: it is asked for answers that it then types, told to set the clipboard, to move
/// what was written before. Of all that only colours are left.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace brig {

/// One stream of it, in pieces however they are cut.
class TerminalText {
 public:
  /// What may be shown of the next piece: characters, ends of lines, tabs, and sequences that choose colours (SGR).
  std::string take(std::string_view piece);
  /// After the last piece: what gives the terminal its usual colours back; empty if they were never changed.
  std::string end();

 private:
  enum class Place : std::uint8_t { kText, kEscape, kSequence, kString, kStringEscape };
  void take(char c, std::string& shown);
  void take_text(char c, std::string& shown);

  Place place_ = Place::kText;
  std::string sequence_;     ///< what stands behind "ESC [" so far
  std::size_t skipped_ = 0;  ///< of a string
  std::size_t more_ = 0;     ///< bytes that the character still has
  bool is_c2_ = false;       ///< the first byte of U+0080 to U+00BF is held back
  bool has_colours_ = false;
};

}  // namespace brig
