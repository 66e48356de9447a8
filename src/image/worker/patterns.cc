#include "image/worker/patterns.h"

#include <algorithm>

#include "base/text.h"
#include "image/worker/member_path.h"

namespace brig::image {
namespace {

constexpr std::size_t kLinesMost = 1000;

std::string_view first_part(std::string_view text) { return text.substr(0, text.find('/')); }
std::string_view other_parts(std::string_view text) {
  const std::size_t slash = text.find('/');
  return slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
}

/// "[…]" at the beginning of `pattern` against `c`; moves `pattern` behind it.
bool matches_class(std::string_view& pattern, char c) {
  pattern.remove_prefix(1);
  const bool is_inverted = pattern.starts_with('^') || pattern.starts_with('!');
  if (is_inverted) pattern.remove_prefix(1);
  bool is_in = false;
  for (bool is_first = true; !pattern.empty() && (is_first || pattern.front() != ']'); is_first = false) {
    const char low = pattern.front();
    char high = low;
    pattern.remove_prefix(1);
    if (pattern.size() >= 2 && pattern[0] == '-' && pattern[1] != ']') {
      high = pattern[1];
      pattern.remove_prefix(2);
    }
    is_in = is_in || (low <= c && c <= high);
  }
  if (pattern.empty()) return false;  // not closed: matches nothing
  pattern.remove_prefix(1);
  return is_in != is_inverted;
}

/// One component. A star is tried again from where it stood only for the last one: linear in the work for each star.
bool matches_part(std::string_view pattern, std::string_view text) {
  std::string_view star_pattern;
  std::string_view star_text;
  bool has_star = false;
  while (!text.empty()) {
    std::string_view rest = pattern;
    bool is_match = false;
    if (!pattern.empty() && pattern.front() == '*') {
      has_star = true;
      star_pattern = pattern.substr(1);
      star_text = text;
      pattern = star_pattern;
      continue;
    }
    if (!pattern.empty() && pattern.front() == '?') {
      rest = pattern.substr(1);
      is_match = true;
    } else if (!pattern.empty() && pattern.front() == '[') {
      is_match = matches_class(rest, text.front());
    } else if (pattern.size() > 1 && pattern.front() == '\\') {
      is_match = pattern[1] == text.front();
      rest = pattern.substr(2);
    } else if (!pattern.empty()) {
      is_match = pattern.front() == text.front();
      rest = pattern.substr(1);
    }
    if (is_match) {
      pattern = rest;
      text.remove_prefix(1);
    } else if (has_star) {
      star_text.remove_prefix(1);
      text = star_text;
      pattern = star_pattern;
    } else {
      return false;
    }
  }
  while (pattern.starts_with('*')) pattern.remove_prefix(1);
  return pattern.empty();
}

/// False, with `steps` below zero, if it takes too long.
bool matches_from(std::string_view pattern, std::string_view path, int& steps) {
  if (--steps < 0) return false;
  if (pattern.empty()) return path.empty();
  if (first_part(pattern) == "**") {
    const std::string_view rest = other_parts(pattern);
    if (rest.empty()) return true;
    for (std::string_view left = path;; left = other_parts(left)) {
      if (matches_from(rest, left, steps)) return true;
      if (left.empty() || steps < 0) return false;
    }
  }
  if (path.empty() || !matches_part(first_part(pattern), first_part(path))) return false;
  return matches_from(other_parts(pattern), other_parts(path), steps);
}

}  // namespace

Result<bool> matches(std::string_view pattern, std::string_view path) {
  int steps = 10'000;  // several "**" after each other would try every way
  const bool is_match = matches_from(pattern, path, steps);
  if (steps >= 0) return is_match;
  return Error(Code::kInvalidArgument,
               "the pattern \"" + printable(pattern, 200) + "\" takes too long to compare: use fewer \"**\" in it");
}

bool is_pattern(std::string_view text) { return text.find_first_of("*?[\\") != std::string_view::npos; }

Result<IgnoreList> IgnoreList::parse(std::string_view text) {
  IgnoreList list;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r')) line.remove_suffix(1);
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    if (line.empty() || line.front() == '#') continue;
    Line made;
    made.is_exception = line.front() == '!';
    if (made.is_exception) line.remove_prefix(1);
    while (line.starts_with('/')) line.remove_prefix(1);
    const auto clean = clean_member_path(line);
    if (!clean || clean->empty()) continue;  // it leads out, and nothing there is copied
    if (list.lines_.size() == kLinesMost) {
      return Error(Code::kInvalidArgument, "it has more than " + std::to_string(kLinesMost) +
                                               " patterns: join some with \"*\" or by naming their folder");
    }
    made.pattern = *clean;
    list.lines_.push_back(std::move(made));
  }
  return list;
}

Result<bool> IgnoreList::ignores(std::string_view path) const {
  bool is_ignored = false;
  for (const Line& line : lines_) {
    if (line.is_exception != is_ignored) continue;  // it would change nothing
    for (std::string_view part = path; !part.empty(); part = parent_of(part)) {
      if (!TRY(matches(line.pattern, part))) continue;
      is_ignored = !line.is_exception;
      break;
    }
  }
  return is_ignored;
}

}  // namespace brig::image
