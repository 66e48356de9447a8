#include "base/terminal_text.h"

#include <utility>

namespace brig {
namespace {

constexpr char kEsc = 0x1b;
constexpr char kBell = 0x07;
constexpr std::size_t kSequenceMost = 64;
/// A string that does not end before is none: what follows is shown.
constexpr std::size_t kStringMost = 4096;

bool is_between(char c, unsigned char first, unsigned char last) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= first && byte <= last;
}

}  // namespace

std::string TerminalText::take(std::string_view piece) {
  std::string shown;
  shown.reserve(piece.size());
  for (const char c : piece) take(c, shown);
  return shown;
}

std::string TerminalText::end() {
  place_ = Place::kText;
  more_ = 0;
  is_c2_ = false;
  return std::exchange(has_colours_, false) ? "\x1b[0m" : "";
}

void TerminalText::take_text(char c, std::string& shown) {
  place_ = Place::kText;
  if (std::exchange(is_c2_, false)) {
    if (is_between(c, 0x80, 0x9f)) return;  // C1
    if (is_between(c, 0xa0, 0xbf)) {
      shown += '\xc2';
      shown += c;
      return;
    }
  }
  if (more_ > 0 && is_between(c, 0x80, 0xbf)) {
    --more_;
    shown += c;
    return;
  }
  more_ = 0;
  if (c == kEsc) {
    place_ = Place::kEscape;
  } else if (c == '\xc2') {
    is_c2_ = true;
  } else if (is_between(c, 0xc3, 0xf4)) {
    more_ = is_between(c, 0xf0, 0xf4) ? 3 : is_between(c, 0xe0, 0xef) ? 2 : 1;
    shown += c;
  } else if (is_between(c, 0x20, 0x7e) || c == '\n' || c == '\r' || c == '\t') {
    shown += c;
  }
}

void TerminalText::take(char c, std::string& shown) {
  switch (place_) {
    case Place::kText: return take_text(c, shown);
    case Place::kEscape:
      if (c == '[') {
        sequence_.clear();
        place_ = Place::kSequence;
      } else if (std::string_view("]PX^_").contains(c)) {
        skipped_ = 0;
        place_ = Place::kString;
      } else if (is_between(c, 0x30, 0x7e)) {
        place_ = Place::kText;  // a sequence of one character
      } else if (!is_between(c, 0x20, 0x2f)) {
        take_text(c, shown);
      }
      return;
    case Place::kSequence:
      if (is_between(c, 0x20, 0x3f)) {
        if (sequence_.size() <= kSequenceMost) sequence_ += c;
        return;
      }
      if (c == 'm' && sequence_.size() <= kSequenceMost &&
          sequence_.find_first_not_of("0123456789;:") == std::string::npos) {
        shown += "\x1b[" + sequence_ + "m";
        has_colours_ = true;
      }
      if (is_between(c, 0x40, 0x7e)) place_ = Place::kText;
      else take_text(c, shown);
      return;
    case Place::kString:
      if (c == kEsc) place_ = Place::kStringEscape;
      else if (c == kBell) place_ = Place::kText;
      else if (c == '\n' || ++skipped_ > kStringMost) take_text(c, shown);
      return;
    case Place::kStringEscape:
      place_ = Place::kEscape;
      if (c == '\\') place_ = Place::kText;
      else take(c, shown);
      return;
  }
}

}  // namespace brig
