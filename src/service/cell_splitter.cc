#include "service/cell_splitter.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>
#include <utility>

namespace brig::service {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

bool is_blank(std::string_view text) { return text.find_first_not_of(kSpace) == std::string_view::npos; }

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

std::string_view first_word(std::string_view line) {
  std::size_t end = 0;
  while (end < line.size() && is_word(line[end])) ++end;
  return line.substr(0, end);
}

bool is_one_of(std::string_view word, std::span<const std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

/// The place behind a text that begins with `quote` at `at`; npos if it does not end.
std::size_t behind_text(std::string_view text, std::size_t at, std::string_view quote, bool may_span_lines,
                        bool has_escapes = true) {
  for (at += quote.size(); at < text.size(); ++at) {
    if (has_escapes && text[at] == '\\') ++at;
    else if (text.substr(at).starts_with(quote)) return at + quote.size();
    else if (text[at] == '\n' && !may_span_lines) return at;
  }
  return std::string_view::npos;
}

std::size_t behind_line(std::string_view text, std::size_t at) { return std::min(text.find('\n', at), text.size()); }

OpenEnds python_ends(std::string_view text) {
  OpenEnds ends;
  int depth = 0;
  char last = '\n';  // of a line, without space and comments
  ends.has_block = text.starts_with("%%");
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '#') {
      at = behind_line(text, at);
      continue;
    }
    if (c == '"' || c == '\'') {
      const std::string_view three = c == '"' ? R"(""")" : "'''";
      const bool is_three = text.substr(at).starts_with(three);
      at = behind_text(text, at, is_three ? three : text.substr(at, 1), is_three);
      if (at == std::string_view::npos) return {.is_inside = is_three, .has_block = ends.has_block};
      last = c;
      continue;
    }
    if (c == '(' || c == '[' || c == '{') ++depth;
    if (c == ')' || c == ']' || c == '}') depth = std::max(0, depth - 1);
    if (c == '\n' && depth == 0) {
      if (last == ':') ends.has_block = true;
      if (last != '\\') last = '\n';  // else the line goes on
    } else if (c == '@' && last == '\n') {
      ends.has_block = true;  // something is decorated
      last = c;
    } else if (!std::isspace(static_cast<unsigned char>(c))) {
      last = c;
    }
    ++at;
  }
  if (last == ':') ends.has_block = true;
  ends.is_inside = depth > 0 || last == '\\';
  return ends;
}

OpenEnds script_ends(std::string_view text) {
  int depth = 0;
  char last = ' ';
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (text.substr(at).starts_with("//")) {
      at = behind_line(text, at);
      continue;
    }
    if (text.substr(at).starts_with("/*")) {
      at = text.find("*/", at + 2);
      if (at == std::string_view::npos) return {.is_inside = true};
      at += 2;
      continue;
    }
    if (c == '"' || c == '\'' || c == '`') {
      at = behind_text(text, at, text.substr(at, 1), c == '`');
      if (at == std::string_view::npos) return {.is_inside = c == '`'};
      last = c;
      continue;
    }
    if (c == '(' || c == '[' || c == '{') ++depth;
    if (c == ')' || c == ']' || c == '}') depth = std::max(0, depth - 1);
    if (!std::isspace(static_cast<unsigned char>(c))) last = c;
    ++at;
  }
  const bool goes_on = std::string_view("=,+-*&|?:.").find(last) != std::string_view::npos && last != ' ';
  return {.is_inside = depth > 0 || goes_on, .has_block = last == '}'};
}

/// The end of the here-document that "<<" at `at` announces, its place moved behind the name.
std::string here_name(std::string_view text, std::size_t& at) {
  at += 2;
  if (at < text.size() && text[at] == '-') ++at;
  while (at < text.size() && (text[at] == ' ' || text[at] == '\'' || text[at] == '"' || text[at] == '\\')) ++at;
  const std::string_view name = first_word(text.substr(at));
  at += name.size();
  return std::string(name);
}

OpenEnds shell_ends(std::string_view text) {
  constexpr std::array<std::string_view, 6> kOpening{"if", "for", "while", "until", "case", "select"};
  constexpr std::array<std::string_view, 3> kClosing{"fi", "done", "esac"};
  constexpr std::array<std::string_view, 5> kBetween{"then", "do", "else", "elif", "in"};
  int depth = 0;
  int blocks = 0;
  bool is_command = true;  // the next word is one
  std::vector<std::string> heres;
  std::string_view last;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '\\') {
      if (at + 2 >= text.size() && (at + 1 == text.size() || text[at + 1] == '\n')) return {.is_inside = true};
      at += 2;
    } else if (c == '\'' || c == '"' || c == '`') {
      at = behind_text(text, at, text.substr(at, 1), true, c != '\'');
      if (at == std::string_view::npos) return {.is_inside = true};
      is_command = false;
      last = {};
    } else if (c == '#' && (at == 0 || kSpace.find(text[at - 1]) != std::string_view::npos)) {
      at = behind_line(text, at);
    } else if (text.substr(at).starts_with("<<") && !text.substr(at).starts_with("<<<")) {
      if (std::string name = here_name(text, at); !name.empty()) heres.push_back(std::move(name));
    } else if (c == '\n') {
      ++at;
      is_command = true;
      for (const std::string& name : std::exchange(heres, {})) {
        std::string_view line;
        do {
          if (at >= text.size()) return {.is_inside = true};
          const std::size_t end = behind_line(text, at);
          line = text.substr(at, end - at);
          line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
          at = std::min(end + 1, text.size());
        } while (line != name);
      }
    } else if (is_word(c)) {
      const std::string_view word = first_word(text.substr(at));
      if (is_command && is_one_of(word, kOpening)) ++blocks;
      if (is_command && is_one_of(word, kClosing)) --blocks;
      if (!is_one_of(word, kBetween)) is_command = false;
      else if (word != "in") is_command = true;
      last = word;
      at += word.size();
    } else {
      if (c == '(' || c == '{') ++depth, is_command = true;
      // The bracket of a pattern of "case" closes none that was opened.
      if (c == ')' || c == '}') depth = std::max(0, depth - 1), is_command = true;
      if (c == ';' || c == '|' || c == '&') is_command = true;
      if (!std::isspace(static_cast<unsigned char>(c))) last = text.substr(at, 1);
      ++at;
    }
  }
  const bool goes_on = last == "|" || (last == "&" && is_blank(text.substr(text.rfind("&&") + 2)) &&
                                       text.rfind("&&") != std::string_view::npos);
  return {.is_inside = depth > 0 || goes_on || !heres.empty(), .has_block = blocks > 0};
}

}  // namespace

OpenEnds open_ends(const Language& language, std::string_view text) {
  if (language.name == "python") return python_ends(text);
  if (language.name == "bash") return shell_ends(text);
  return script_ends(text);
}

/// Whether `line` can belong to the block before it.
bool CellSplitter::continues(std::string_view line) const {
  if (language_->name == "python") {
    constexpr std::array<std::string_view, 5> kMore{"else", "elif", "except", "finally", "case"};
    if (text_.starts_with("%%") || line.starts_with(' ') || line.starts_with('\t') || line.starts_with('#'))
      return true;
    if (is_one_of(first_word(line), kMore)) return true;
    // What is decorated comes after its decorators.
    const std::size_t end = text_.find_last_not_of(kSpace);
    const std::size_t begin = text_.rfind('\n', end) + 1;
    return std::string_view(text_).substr(begin).starts_with('@');
  }
  if (language_->name == "bash") return true;  // its blocks have an end of their own
  constexpr std::array<std::string_view, 3> kMore{"else", "catch", "finally"};
  line.remove_prefix(std::min(line.find_first_not_of(kSpace), line.size()));
  return is_one_of(first_word(line), kMore) || line.starts_with('.') || line.starts_with('}');
}

std::vector<std::string> CellSplitter::take(std::string_view line) {
  std::vector<std::string> cells;
  const OpenEnds before = open_ends(*language_, text_);
  if (!text_.empty() && !before.is_inside) {
    // Only a block is still here.
    const bool is_over = is_typed_ ? is_blank(line) : !is_blank(line) && !continues(line);
    if (is_over) cells.push_back(std::exchange(text_, {}));
  }
  if (text_.empty() && is_blank(line)) return cells;
  text_ += line;
  text_ += '\n';
  const OpenEnds now = open_ends(*language_, text_);
  // A script's block may be over or go on ("else"): a pipe waits for the next line, a prompt does not.
  const bool waits = now.has_block && (!is_typed_ || language_->name == "python" || language_->name == "bash");
  if (!now.is_inside && !waits) cells.push_back(std::exchange(text_, {}));
  return cells;
}

std::optional<std::string> CellSplitter::finish() {
  std::string rest = std::exchange(text_, {});
  if (is_blank(rest)) return {};
  return rest;
}

}  // namespace brig::service
