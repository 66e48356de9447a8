#include "json/toml.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "base/units.h"
#include "json/toml_node.h"
#include "json/toml_number.h"
#include "json/utf8.h"

namespace brig::json {
namespace {

struct KeyPart {
  std::string text;
  Place place;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_bare(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '-'; }
bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }

bool looks_like_date(std::string_view token) {
  const auto digits = [&](std::size_t n) {
    return token.size() > n && std::ranges::all_of(token.substr(0, n), is_digit);
  };
  return (digits(4) && token[4] == '-') || (digits(2) && token[2] == ':');
}

class TomlParser {
 public:
  TomlParser(std::string_view text, TomlLimits limits) : text_(text), limits_(limits) {}

  Result<TomlValue> parse() {
    root_.form = TomlNode::Form::kHeader;
    while (true) {
      skip_blank();
      if (is_end()) break;
      if (peek() == '[') {
        TRY(read_header());
      } else if (!is_line_end() && peek() != '#') {
        TRY(read_pair(*table_, depth_));
      }
      TRY(finish_line());
    }
    return root_.take();
  }

 private:
  [[nodiscard]] bool is_end() const { return at_ >= text_.size(); }
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  [[nodiscard]] bool is_line_end() const { return peek() == '\n' || (peek() == '\r' && peek(1) == '\n'); }
  [[nodiscard]] bool follows(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  void skip_blank() {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }

  /// The place of at_, counted on from where it was last asked for.
  Place here() {
    if (at_ < counted_) {
      counted_ = 0;
      place_ = {};
    }
    const Place more = place_of(text_.substr(counted_), at_ - counted_);
    place_ = {place_.line + more.line - 1, more.line == 1 ? place_.column + more.column - 1 : more.column};
    counted_ = std::min(at_, text_.size());
    return place_;
  }

  Error error(const std::string& what) { return error_at(here(), what); }
  static Error error_at(Place place, const std::string& what) {
    return {Code::kInvalidArgument, to_string(place) + ": " + what};
  }
  Error unexpected(const std::string& expected) {
    if (is_end()) return error("expected " + expected + ", found the end of the text");
    if (is_line_end()) return error("expected " + expected + ", found the end of the line");
    std::size_t length = 1;  // of the character: its continuation bytes belong to it
    while ((static_cast<unsigned char>(peek(length)) & 0xc0) == 0x80) ++length;
    return error("expected " + expected + ", found \"" + printable(text_.substr(at_, length)) + "\"");
  }

  Result<> skip_comment() {
    if (peek() != '#') return {};
    while (!is_end() && !is_line_end()) {
      if (is_control(peek())) return error("a control character in a comment");
      ++at_;
    }
    return {};
  }

  Result<> finish_line() {
    skip_blank();
    TRY(skip_comment());
    if (is_end()) return {};
    if (!is_line_end()) return unexpected("the end of the line");
    at_ += peek() == '\r' ? 2 : 1;
    return {};
  }

  /// Blanks, line ends and comments between the items of an array.
  Result<> skip_lines() {
    while (true) {
      skip_blank();
      TRY(skip_comment());
      if (is_end() || !is_line_end()) return {};
      at_ += peek() == '\r' ? 2 : 1;
    }
  }

  Result<std::vector<KeyPart>> read_key() {
    std::vector<KeyPart> parts;
    while (true) {
      skip_blank();
      KeyPart part{.text = {}, .place = here()};
      if (peek() == '"' || peek() == '\'') {
        part.text = TRY(read_string(false));
      } else {
        const std::size_t start = at_;
        while (!is_end() && is_bare(peek())) ++at_;
        if (at_ == start) return unexpected("a key");
        part.text = text_.substr(start, at_ - start);
      }
      parts.push_back(std::move(part));
      skip_blank();
      if (peek() != '.') return parts;
      if (parts.size() >= limits_.max_depth) {
        return error("a key has more than " + std::to_string(limits_.max_depth) + " parts");
      }
      ++at_;
    }
  }

  static Error twice(const KeyPart& part) {
    return error_at(part.place, "the key \"" + printable(part.text, 60) + "\" appears twice");
  }
  static Error too_deep(Place place) { return error_at(place, "tables and arrays are nested too deeply"); }

  Result<> read_header() {
    const Place place = here();
    const bool is_array = follows("[[");
    at_ += is_array ? 2 : 1;
    const std::vector<KeyPart> parts = TRY(read_key());
    if (!follows(is_array ? "]]" : "]")) return unexpected(is_array ? "]]" : "]");
    at_ += is_array ? 2 : 1;
    table_ = &root_;
    depth_ = 0;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) TRY(open_parent(parts[i], place));
    return is_array ? open_item(parts.back(), place) : open_table(parts.back(), place);
  }

  Result<> deepen(std::size_t levels, Place place) {
    depth_ += levels;
    if (depth_ > limits_.max_depth) return too_deep(place);
    return {};
  }

  Result<> open_parent(const KeyPart& part, Place place) {
    TomlNode* next = table_->find(part.text);
    if (next == nullptr) next = table_->add(part.text, part.place, TomlNode::Form::kImplicit, place);
    if (next->form == TomlNode::Form::kLeaf) return twice(part);
    const bool is_array = next->form == TomlNode::Form::kTableArray;
    table_ = is_array ? next->children.back().node.get() : next;
    return deepen(is_array ? 2 : 1, part.place);
  }

  Result<> open_table(const KeyPart& part, Place place) {
    TRY(deepen(1, part.place));
    TomlNode* found = table_->find(part.text);
    if (found != nullptr && found->form != TomlNode::Form::kImplicit) return twice(part);
    if (found == nullptr) found = table_->add(part.text, part.place, TomlNode::Form::kHeader, place);
    found->form = TomlNode::Form::kHeader;
    found->place = place;
    table_ = found;
    return {};
  }

  Result<> open_item(const KeyPart& part, Place place) {
    TRY(deepen(2, part.place));
    TomlNode* found = table_->find(part.text);
    if (found != nullptr && found->form != TomlNode::Form::kTableArray) return twice(part);
    if (found == nullptr) found = table_->add(part.text, part.place, TomlNode::Form::kTableArray, place);
    table_ = found->append(place);
    return {};
  }

  /// "key = value" into `table`, which is `depth` deep.
  Result<> read_pair(TomlNode& table, std::size_t depth) {
    const std::vector<KeyPart> parts = TRY(read_key());
    if (peek() != '=') return unexpected("= after the key");
    ++at_;
    skip_blank();
    TomlNode* into = &table;
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      TomlNode* next = into->find(parts[i].text);
      if (next == nullptr) next = into->add(parts[i].text, parts[i].place, TomlNode::Form::kDotted, parts[i].place);
      if (next->form != TomlNode::Form::kDotted) return twice(parts[i]);
      into = next;
    }
    if (into->find(parts.back().text) != nullptr) return twice(parts.back());
    if (depth + parts.size() - 1 > limits_.max_depth) return too_deep(parts.back().place);
    TomlValue value = TRY(read_value(depth + parts.size()));
    into->add(parts.back().text, parts.back().place, TomlNode::Form::kLeaf, value.place)->leaf = std::move(value);
    return {};
  }

  Result<TomlValue> read_value(std::size_t depth) {
    const Place place = here();
    const char c = peek();
    if ((c == '[' || c == '{') && depth > limits_.max_depth) return too_deep(place);
    if (c == '"' || c == '\'') return TomlValue{.place = place, .value = TRY(read_string(true))};
    if (c == '[') return TomlValue{.place = place, .value = TRY(read_array(depth))};
    if (c == '{') return read_inline_table(depth, place);
    return read_token(place);
  }

  Result<TomlArray> read_array(std::size_t depth) {
    ++at_;
    TomlArray items;
    while (true) {
      TRY(skip_lines());
      if (peek() == ']') break;
      items.push_back(TRY(read_value(depth + 1)));
      TRY(skip_lines());
      if (peek() == ']') break;
      if (peek() != ',') return unexpected(", or ]");
      ++at_;
    }
    ++at_;
    return items;
  }

  Result<TomlValue> read_inline_table(std::size_t depth, Place place) {
    ++at_;
    TomlNode table;
    table.form = TomlNode::Form::kHeader;
    table.place = place;
    skip_blank();
    while (peek() != '}') {
      TRY(read_pair(table, depth));
      skip_blank();
      if (peek() == '}') break;
      if (peek() != ',') return unexpected(", or }");
      ++at_;
      skip_blank();
      if (peek() == '}') return unexpected("a key");
    }
    ++at_;
    return table.take();
  }

  Result<TomlValue> read_token(Place place) {
    std::size_t end = at_;
    while (end < text_.size() && (is_bare(text_[end]) || text_[end] == '+' || text_[end] == '.' || text_[end] == ':'))
      ++end;
    const std::string_view token = text_.substr(at_, end - at_);
    if (token.empty()) return unexpected("a value");
    TomlValue value{.place = place, .value = TomlDate{}};
    if (token == "true" || token == "false") {
      value.value = token == "true";
    } else if (looks_like_date(token)) {
      // A space may stand between the date and the time.
      if (token.size() == 10 && end + 1 < text_.size() && text_[end] == ' ' && is_digit(text_[end + 1])) {
        ++end;
        while (end < text_.size() && (is_digit(text_[end]) || std::string_view(":.+-Zz").contains(text_[end]))) ++end;
      }
    } else if (const auto integer = parse_toml_integer(token)) {
      value.value = *integer;
    } else if (const auto number = parse_toml_float(token)) {
      value.value = *number;
    } else {
      const bool is_number = is_digit(token.front()) || token.front() == '+' || token.front() == '-';
      return error("\"" + printable(token, 60) + "\" is not a value" +
                   (is_number ? " or out of range" : ": text needs quotes"));
    }
    at_ = end;
    return value;
  }

  Result<std::string> read_string(bool may_be_long) {
    const Place place = here();
    const char quote = peek();
    const std::string_view delimiter = quote == '"' ? "\"\"\"" : "'''";
    const bool is_long = may_be_long && follows(delimiter);
    at_ += is_long ? 3 : 1;
    if (is_long && is_line_end()) at_ += peek() == '\r' ? 2 : 1;  // a line end right after the quotes is not part of it
    std::string out;
    while (true) {
      if (is_end() || (!is_long && is_line_end())) return error_at(place, "the string is not closed");
      if (peek() == quote && (!is_long || follows(delimiter))) break;
      if (peek() == '\\' && quote == '"') {
        TRY(read_escape(out, is_long));
      } else if (is_control(peek()) && !(is_long && is_line_end())) {
        return error("a control character in a string: write it as \\u00XX in double quotes");
      } else if (is_line_end()) {
        out += '\n';
        at_ += peek() == '\r' ? 2 : 1;
      } else {
        out += text_[at_++];
      }
    }
    at_ += is_long ? 3 : 1;
    // The closing quotes are the last three of up to five.
    for (int i = 0; is_long && i < 2 && peek() == quote; ++i) out += text_[at_++];
    return out;
  }

  Result<> read_escape(std::string& out, bool is_long) {
    constexpr std::string_view kLetters = "btnfr\"\\";
    constexpr std::string_view kMeanings = "\b\t\n\f\r\"\\";
    const char letter = peek(1);
    if (const std::size_t i = kLetters.find(letter); letter != '\0' && i != std::string_view::npos) {
      out += kMeanings[i];
      at_ += 2;
      return {};
    }
    if (letter == 'u' || letter == 'U') return read_code_point(out, letter == 'u' ? 4 : 8);
    std::size_t end = at_ + 1;
    while (end < text_.size() && (text_[end] == ' ' || text_[end] == '\t')) ++end;
    const std::string_view rest = text_.substr(std::min(end, text_.size()));
    if (!is_long || !(rest.starts_with('\n') || rest.starts_with("\r\n")))
      return error("an unknown escape in a string");
    at_ = end;  // a backslash at the end of a line: no white space up to the next character
    while (!is_end() && (peek() == ' ' || peek() == '\t' || is_line_end())) at_ += peek() == '\r' ? 2 : 1;
    return {};
  }

  Result<> read_code_point(std::string& out, std::size_t length) {
    const std::string_view digits = text_.substr(std::min(at_ + 2, text_.size()), length);
    std::uint32_t code = 0;
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    const bool is_whole = digits.size() == length && failure == std::errc() && end == digits.data() + length;
    if (!is_whole || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
      return error("not the number of a character after \\u");
    }
    append_utf8(out, code);
    at_ += 2 + length;
    return {};
  }

  std::string_view text_;
  TomlLimits limits_;
  std::size_t at_ = 0;
  std::size_t counted_ = 0;  ///< place_ is the place of this byte
  Place place_;
  TomlNode root_;
  TomlNode* table_ = &root_;  ///< what the last header opened
  std::size_t depth_ = 0;     ///< of table_
};

}  // namespace

const TomlValue* TomlValue::find(std::string_view key) const {
  const auto* table = as<TomlTable>();
  if (table == nullptr) return nullptr;
  const auto entry = std::ranges::find(*table, key, &TomlEntry::key);
  return entry == table->end() ? nullptr : &entry->value;
}

std::string_view TomlValue::kind() const {
  constexpr std::array<std::string_view, 7> kNames{"a string",      "a whole number",   "a number with a fraction",
                                                   "true or false", "a date or a time", "an array",
                                                   "a table"};
  return kNames.at(value.index());
}

Result<TomlValue> parse_toml(std::string_view text, TomlLimits limits) {
  if (text.size() > limits.max_bytes) {
    return Error(Code::kExhausted, "the TOML is longer than " + format(Bytes{limits.max_bytes}));
  }
  if (const auto offset = first_invalid_utf8(text)) {
    return Error(Code::kInvalidArgument, to_string(place_of(text, *offset)) + ": invalid UTF-8");
  }
  return TomlParser(text, limits).parse();
}

std::string toml_quoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

}  // namespace brig::json
