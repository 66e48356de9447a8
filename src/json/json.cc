#include "json/json.h"

#include <charconv>
#include <cmath>
#include <set>
#include <vector>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_stack.hpp>

#include "base/check.h"
#include "base/text.h"
#include "base/units.h"
#include "json/place.h"
#include "json/utf8.h"

namespace brig::json {
namespace {

using boost::json::error_code;
using boost::json::string_view;

/// Builds the value as Boost's own handler does, and refuses what that one lets pass. The names and signatures are
/// basic_parser's; returning false with `ec` set ends the parse.
class StrictHandler {
 public:
  static constexpr std::size_t max_object_size = boost::json::object::max_size();
  static constexpr std::size_t max_array_size = boost::json::array::max_size();
  static constexpr std::size_t max_key_size = boost::json::string::max_size();
  static constexpr std::size_t max_string_size = boost::json::string::max_size();

  StrictHandler() { stack_.reset(); }

  void limit_values(std::size_t most) { values_left_ = most; }
  [[nodiscard]] bool has_too_many() const { return has_too_many_; }

  Value take() { return stack_.release(); }
  [[nodiscard]] const std::string& complaint() const { return complaint_; }
  /// Where the refused key or number stood in the text, if it stood there unescaped.
  [[nodiscard]] const char* position() const { return position_; }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code& ec) {
    keys_.emplace_back();
    return count(ec);
  }
  bool on_object_end(std::size_t n, error_code&) {
    keys_.pop_back();
    stack_.push_object(n);
    return true;
  }
  bool on_array_begin(error_code& ec) { return count(ec); }
  bool on_array_end(std::size_t n, error_code&) {
    stack_.push_array(n);
    return true;
  }
  bool on_key_part(string_view s, std::size_t, error_code&) {
    text_.append(s.data(), s.size());
    stack_.push_chars(s);
    return true;
  }
  bool on_key(string_view s, std::size_t, error_code& ec) {
    text_.append(s.data(), s.size());
    const bool is_whole = text_.size() == s.size();
    stack_.push_key(s);
    if (!keys_.back().insert(std::move(text_)).second) {
      text_.assign(s.data(), s.size());
      return refuse(ec, "the key \"" + printable(text_, 60) + "\" appears twice", is_whole ? s.data() : nullptr);
    }
    text_.clear();
    return true;
  }
  bool on_string_part(string_view s, std::size_t, error_code&) {
    stack_.push_chars(s);
    return true;
  }
  bool on_string(string_view s, std::size_t, error_code& ec) {
    stack_.push_string(s);
    return count(ec);
  }
  bool on_number_part(string_view s, error_code&) {
    text_.append(s.data(), s.size());
    return true;
  }
  bool on_int64(std::int64_t value, string_view, error_code& ec) {
    text_.clear();
    stack_.push_int64(value);
    return count(ec);
  }
  bool on_uint64(std::uint64_t value, string_view, error_code& ec) {
    text_.clear();
    stack_.push_uint64(value);
    return count(ec);
  }
  bool on_double(double value, string_view s, error_code& ec) {
    text_.append(s.data(), s.size());
    // Boost's own conversion may be off in the last place; from_chars is exact.
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error == std::errc::result_out_of_range && std::isfinite(value) && std::abs(value) < 1) {
      value = 0;  // too small for a double: zero is the nearest
    } else if (error != std::errc() || !std::isfinite(value)) {
      return refuse(ec, "the number " + printable(text_, 40) + " is too large", s.data());
    }
    text_.clear();
    stack_.push_double(value);
    return count(ec);
  }
  bool on_bool(bool value, error_code& ec) {
    stack_.push_bool(value);
    return count(ec);
  }
  bool on_null(error_code& ec) {
    stack_.push_null();
    return count(ec);
  }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }

 private:
  bool count(error_code& ec) {
    if (values_left_-- > 0) return true;
    has_too_many_ = true;
    ec = boost::json::make_error_code(boost::json::error::input_error);
    return false;
  }

  bool refuse(error_code& ec, std::string complaint, const char* position) {
    complaint_ = std::move(complaint);
    position_ = position;
    ec = boost::json::make_error_code(boost::json::error::input_error);
    return false;
  }

  boost::json::value_stack stack_;
  std::vector<std::set<std::string, std::less<>>> keys_;  ///< of each open object
  std::string text_;                                      ///< the key or number being read
  std::string complaint_;
  const char* position_ = nullptr;
  std::size_t values_left_ = 0;
  bool has_too_many_ = false;
};

/// Boost's words are terse ("syntax error"); a person wants to know what stood there.
std::string describe(const error_code& ec, std::string_view text, std::size_t offset, const Limits& limits) {
  using boost::json::error;
  if (ec == error::incomplete) return "the JSON ends too early";
  if (ec == error::extra_data) return "text after the end of the JSON";
  if (ec == error::too_deep) return "nested deeper than " + std::to_string(limits.max_depth);
  if (ec == error::exponent_overflow) return "the number is too large";
  if (ec == error::syntax && offset < text.size()) return "unexpected \"" + printable(text.substr(offset, 1)) + "\"";
  return ec.message();
}

Error error_at(std::string_view text, std::size_t offset, const std::string& what) {
  return {Code::kInvalidArgument, to_string(place_of(text, offset)) + ": " + what};
}

}  // namespace

Result<Value> parse(std::string_view text, Limits limits) {
  if (text.size() > limits.max_bytes) {
    return Error(Code::kExhausted, "the JSON is longer than " + format(Bytes{limits.max_bytes}));
  }
  if (const auto offset = first_invalid_utf8(text)) return error_at(text, *offset, "invalid UTF-8");
  boost::json::parse_options options;
  options.max_depth = limits.max_depth;
  boost::json::basic_parser<StrictHandler> parser(options);
  parser.handler().limit_values(limits.max_values);
  error_code ec;
  std::size_t offset = parser.write_some(false, text.data(), text.size(), ec);
  const StrictHandler& handler = parser.handler();
  if (handler.has_too_many())
    return Error(Code::kExhausted, "the JSON has more than " + std::to_string(limits.max_values) + " values");
  if (!ec && offset < text.size()) ec = boost::json::make_error_code(boost::json::error::extra_data);
  if (ec) {
    if (handler.position() != nullptr) offset = static_cast<std::size_t>(handler.position() - text.data());
    return error_at(text, offset,
                    handler.complaint().empty() ? describe(ec, text, offset, limits) : handler.complaint());
  }
  BRIG_CHECK(parser.done(), "Boost.JSON reported neither an error nor the end");
  return parser.handler().take();
}

std::string write(const Value& value) {
  std::string text = boost::json::serialize(value);
  return first_invalid_utf8(text) ? utf8_lossy(text) : text;  // a copy only where it differs: reports are large
}

}  // namespace brig::json
