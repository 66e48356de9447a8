#include "image/worker/dockerfile_text.h"

#include <algorithm>

#include <boost/json/value.hpp>

#include "base/text.h"
#include "json/json.h"
#include "json/reader.h"

namespace brig::image {
namespace {

constexpr std::size_t kInstructionsMost = 2000;
constexpr std::size_t kHeredocsMost = 20;
constexpr int kDepthMost = 8;  ///< of ${A:-${B:-…}}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name(char c) { return is_name_start(c) || (c >= '0' && c <= '9'); }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

Error at(std::uint32_t line, const std::string& what) {
  return {Code::kInvalidArgument, "line " + std::to_string(line) + ": " + what};
}

/// Hands out lines, and knows their numbers.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {}
  std::optional<std::string_view> next() {
    if (text_.empty()) return {};
    ++number_;
    std::string_view line = text_.substr(0, text_.find('\n'));
    text_.remove_prefix(std::min(text_.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }
  [[nodiscard]] std::uint32_t number() const { return number_; }

 private:
  std::string_view text_;
  std::uint32_t number_ = 0;
};

/// "<<NAME", "<<-NAME", "<<'NAME'": where heredocs begin in a line, in order.
struct Opening {
  std::string name;
  bool is_literal = false;
  bool strips_tabs = false;
};

bool is_heredoc_name(char c) {
  return !is_blank(c) && std::string_view("'\"<>|&;()$`\\").find(c) == std::string_view::npos;
}

std::vector<Opening> openings_in(std::string_view line) {
  std::vector<Opening> found;
  char quote = 0;
  for (std::size_t i = 0; i + 2 < line.size(); ++i) {
    if (quote != 0 || line[i] == '\'' || line[i] == '"') {
      if (quote == 0) quote = line[i];
      else if (line[i] == quote) quote = 0;
      continue;
    }
    if (line.substr(i, 2) != "<<" || (i > 0 && !is_blank(line[i - 1])) || line[i + 2] == '<') continue;
    std::size_t j = i + 2;
    Opening opening;
    if (line[j] == '-') {
      opening.strips_tabs = true;
      ++j;
    }
    const char mark = j < line.size() && (line[j] == '\'' || line[j] == '"') ? line[j] : '\0';
    if (mark != 0) ++j;
    const std::size_t begin = j;
    while (j < line.size() && is_heredoc_name(line[j])) ++j;
    if (j == begin || (mark != 0 && (j == line.size() || line[j] != mark))) continue;
    opening.name = line.substr(begin, j - begin);
    opening.is_literal = mark != 0;
    found.push_back(std::move(opening));
    i = j;
  }
  return found;
}

/// Only these take heredocs; elsewhere "<<" is text.
bool takes_heredocs(std::string_view name) { return name == "RUN" || name == "COPY" || name == "ADD"; }

class Splitter {
 public:
  explicit Splitter(std::string_view text) : lines_(text) {}

  Result<DockerfileText> run() {
    while (auto line = lines_.next()) {
      const std::string_view bare = trimmed(*line);
      if (bare.starts_with('#')) {
        if (may_be_directive_) TRY(directive(bare));
        continue;
      }
      may_be_directive_ = false;
      if (bare.empty()) continue;
      if (out_.instructions.size() == kInstructionsMost)
        return at(lines_.number(), "more than " + std::to_string(kInstructionsMost) + " instructions");
      TRY(instruction(*line));
    }
    return std::move(out_);
  }

 private:
  Result<> directive(std::string_view comment) {
    const std::string_view text = trimmed(comment.substr(1));
    const std::size_t equals = text.find('=');
    const std::string key = upper(trimmed(text.substr(0, equals)));
    const bool is_known = equals != std::string_view::npos && (key == "ESCAPE" || key == "SYNTAX" || key == "CHECK");
    may_be_directive_ = is_known;
    if (!is_known || key != "ESCAPE") return {};
    const std::string_view value = trimmed(text.substr(equals + 1));
    if (value != "\\" && value != "`") return at(lines_.number(), "escape is \\ or `");
    out_.escape = value.front();
    return {};
  }

  /// Whether the line goes on; then the escape is taken off.
  bool goes_on(std::string_view& line) const {
    std::string_view bare = line;
    while (!bare.empty() && is_blank(bare.back())) bare.remove_suffix(1);
    if (!bare.ends_with(out_.escape)) return false;
    line = bare.substr(0, bare.size() - 1);
    return true;
  }

  Result<> instruction(std::string_view line) {
    Instruction made{.line = lines_.number()};
    std::string text;
    bool more = goes_on(line);
    text += line;
    while (more) {
      const auto next = lines_.next();
      if (!next) break;
      std::string_view part = *next;
      const std::string_view bare = trimmed(part);
      if (bare.empty() || bare.starts_with('#')) continue;
      more = goes_on(part);
      text += part;
    }
    const std::string_view whole = trimmed(text);
    const std::size_t end = std::min(whole.find_first_of(" \t"), whole.size());
    made.name = upper(whole.substr(0, end));
    made.rest = trimmed(whole.substr(end));
    if (takes_heredocs(made.name)) TRY(heredocs(made));
    out_.instructions.push_back(std::move(made));
    return {};
  }

  Result<> heredocs(Instruction& made) {
    const auto openings = openings_in(made.rest);
    if (openings.size() > kHeredocsMost) return at(made.line, "too many heredocs");
    for (const Opening& opening : openings) {
      Heredoc document{.name = opening.name, .text = {}, .is_literal = opening.is_literal};
      while (true) {
        const auto next = lines_.next();
        if (!next) return at(made.line, "the end of <<" + opening.name + " is missing");
        std::string_view line = *next;
        if (opening.strips_tabs) line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
        if (line == opening.name) break;
        document.text += std::string(line) + "\n";
      }
      made.heredocs.push_back(std::move(document));
    }
    return {};
  }

  Lines lines_;
  DockerfileText out_;
  bool may_be_directive_ = true;
};

/// Puts variables in and resolves quotes, one character after the other.
class Expander {
 public:
  Expander(std::string_view text, char escape, const Lookup& lookup, bool keeps_quotes)
      : text_(text), escape_(escape), lookup_(lookup), keeps_quotes_(keeps_quotes) {}

  Result<std::vector<std::string>> words() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (quote_ == 0 && is_blank(c)) {
        end_word();
        ++at_;
      } else {
        TRY(one());
      }
      if (size_ > kExpandedMost) return too_long();
    }
    if (quote_ != 0) return Error(Code::kInvalidArgument, std::string("a ") + quote_ + " is not closed");
    end_word();
    return std::move(words_);
  }

  Result<std::string> whole() {
    while (at_ < text_.size()) {
      TRY(one());
      if (size_ > kExpandedMost) return too_long();
    }
    if (quote_ != 0) return Error(Code::kInvalidArgument, std::string("a ") + quote_ + " is not closed");
    return std::move(word_);
  }

 private:
  static Error too_long() { return {Code::kExhausted, "too long once its variables are put in"}; }

  void put(std::string_view text) {
    word_ += text;
    size_ += text.size();
    has_word_ = true;
  }
  void end_word() {
    if (has_word_) words_.push_back(std::exchange(word_, {}));
    has_word_ = false;
  }

  Result<> one() {
    const char c = text_[at_];
    if (!keeps_quotes_ && (c == '\'' || c == '"') && (quote_ == 0 || quote_ == c)) {
      quote_ = quote_ == 0 ? c : '\0';
      has_word_ = true;
      ++at_;
      return {};
    }
    if (c == escape_ && quote_ != '\'' && at_ + 1 < text_.size()) {
      const char next = text_[at_ + 1];
      // Inside double quotes, and where quotes stay, it means something before these only.
      const bool is_special = next == '$' || next == escape_ || (!keeps_quotes_ && next == '"');
      if ((quote_ == '"' || keeps_quotes_) && !is_special) put(text_.substr(at_, 2));
      else put(text_.substr(at_ + 1, 1));
      at_ += 2;
      return {};
    }
    if (c == '$' && quote_ != '\'') return variable();
    put(text_.substr(at_, 1));
    ++at_;
    return {};
  }

  Result<> variable() {
    std::size_t begin = at_ + 1;
    if (begin < text_.size() && text_[begin] == '{') {
      const std::size_t end = closing(begin);
      if (end == std::string_view::npos) return Error(Code::kInvalidArgument, "a ${ is not closed");
      put(TRY(value_of(text_.substr(begin + 1, end - begin - 1), 0)));
      at_ = end + 1;
      return {};
    }
    std::size_t end = begin;
    while (end < text_.size() && (end == begin ? is_name_start(text_[end]) : is_name(text_[end]))) ++end;
    if (end == begin) {
      put("$");
      ++at_;
      return {};
    }
    put(lookup_(std::string(text_.substr(begin, end - begin))).value_or(""));
    at_ = end;
    return {};
  }

  [[nodiscard]] std::size_t closing(std::size_t open) const {
    int depth = 0;
    for (std::size_t i = open; i < text_.size(); ++i) {
      if (text_[i] == '{') ++depth;
      if (text_[i] == '}' && --depth == 0) return i;
    }
    return std::string_view::npos;
  }

  /// Of what stands between the braces.
  Result<std::string> value_of(std::string_view inner, int depth) const {
    if (depth > kDepthMost) return Error(Code::kInvalidArgument, "variables inside each other, too deep");
    std::size_t end = 0;
    while (end < inner.size() && (end == 0 ? is_name_start(inner[end]) : is_name(inner[end]))) ++end;
    const std::string name(inner.substr(0, end));
    std::string_view more = inner.substr(end);
    if (name.empty()) return Error(Code::kInvalidArgument, "\"${" + printable(inner, 60) + "}\" names no variable");
    const auto value = lookup_(name);
    if (more.empty()) return value.value_or("");
    const bool counts_empty = more.starts_with(':');
    if (counts_empty) more.remove_prefix(1);
    if (more.empty() || (more.front() != '-' && more.front() != '+')) {
      return Error(Code::kUnsupported, "\"${" + printable(inner, 60) +
                                           "}\" is not understood: ${NAME}, ${NAME:-word} and ${NAME:+word} are");
    }
    const bool is_set = value && (!counts_empty || !value->empty());
    if (more.front() == '-') return is_set ? *value : TRY(nested(more.substr(1), depth));
    return is_set ? TRY(nested(more.substr(1), depth)) : std::string();
  }

  Result<std::string> nested(std::string_view word, int depth) const {
    if (depth >= kDepthMost) return Error(Code::kInvalidArgument, "variables inside each other, too deep");
    if (word.find('$') == std::string_view::npos) return std::string(word);
    if (word.starts_with("${") && word.ends_with('}')) return value_of(word.substr(2, word.size() - 3), depth + 1);
    if (word.starts_with('$') && std::ranges::all_of(word.substr(1), is_name))
      return lookup_(std::string(word.substr(1))).value_or("");
    return Error(Code::kUnsupported, "\"" + printable(word, 60) + "\": only one variable may stand there");
  }

  std::string_view text_;
  char escape_;
  const Lookup& lookup_;
  bool keeps_quotes_;
  std::size_t at_ = 0;
  std::size_t size_ = 0;
  char quote_ = 0;
  bool has_word_ = false;
  std::string word_;
  std::vector<std::string> words_;
};

}  // namespace

Result<DockerfileText> split_dockerfile(std::string_view text) {
  if (text.size() > kDockerfileMost) return Error(Code::kExhausted, "it is larger than 1 MB");
  if (text.contains('\0')) return Error(Code::kInvalidArgument, "it contains a NUL byte");
  if (!is_utf8(text)) return Error(Code::kInvalidArgument, "it is not UTF-8");
  return Splitter(text).run();
}

Result<std::vector<std::string>> expanded_words(std::string_view text, char escape, const Lookup& lookup) {
  return Expander(text, escape, lookup, false).words();
}

Result<std::string> expanded(std::string_view text, char escape, const Lookup& lookup) {
  return Expander(text, escape, lookup, false).whole();
}

Result<std::string> with_variables(std::string_view text, char escape, const Lookup& lookup) {
  return Expander(text, escape, lookup, true).whole();
}

std::optional<std::vector<std::string>> exec_form(std::string_view text) {
  if (!text.starts_with('[')) return {};
  const auto value = json::parse(text, {.max_bytes = kDockerfileMost, .max_depth = 2});
  if (!value) return {};
  const auto items = json::Reader(*value).items();
  if (!items) return {};
  std::vector<std::string> words;
  for (const json::Reader& item : *items) {
    const auto word = item.text();
    if (!word || word->contains('\0')) return {};
    words.emplace_back(*word);
  }
  return words;
}

}  // namespace brig::image
