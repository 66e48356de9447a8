#include "http/multipart.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "http/headers.h"

namespace brig::http {
namespace {

constexpr std::size_t kBoundaryMost = 70;
constexpr std::size_t kPiece = std::size_t{64} << 10;

Error bad(std::string_view what) {
  return {Code::kInvalidArgument, "the multipart body is malformed: " + std::string(what)};
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

/// `"…"` from the front of `text`, which goes. A backslash stands before a quote or a backslash; before anything else
/// it is itself, as browsers and Windows' file names have it.
Result<std::string> take_quoted(std::string_view& text) {
  std::string value;
  std::size_t at = 1;
  for (; at < text.size() && text[at] != '"'; ++at) {
    const bool is_escape = text[at] == '\\' && at + 1 < text.size() && (text[at + 1] == '"' || text[at + 1] == '\\');
    if (is_escape) ++at;
    value += text[at];
  }
  if (at >= text.size()) return bad("a quote that does not end");
  text.remove_prefix(at + 1);
  return value;
}

struct Parameter {
  std::string name;  ///< in small letters
  std::string value;
};

/// `; name=value; name="value"`, all of `text`. No name twice.
Result<std::vector<Parameter>> parse_parameters(std::string_view text) {
  std::vector<Parameter> all;
  for (text = trimmed(text); !text.empty(); text = trimmed(text)) {
    if (text.front() != ';') return bad("a parameter without a semicolon before it");
    text = trimmed(text.substr(1));
    if (text.empty()) break;  // one semicolon too many does no harm
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || !is_token(text.substr(0, equals)))
      return bad("a parameter that is not name=value");
    Parameter parameter;
    for (const char c : text.substr(0, equals))
      parameter.name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    text.remove_prefix(equals + 1);
    if (text.starts_with('"')) {
      parameter.value = TRY(take_quoted(text));
    } else {
      const std::string_view value = trimmed(text.substr(0, text.find(';')));
      if (!is_token(value)) return bad("a parameter's value that needs quotes");
      parameter.value = value;
      text.remove_prefix(std::min(text.size(), text.find(';')));
    }
    if (std::ranges::find(all, parameter.name, &Parameter::name) != all.end())
      return bad("a parameter that comes twice");
    all.push_back(std::move(parameter));
  }
  return all;
}

Result<std::string> checked_name(std::string name, std::size_t most) {
  if (name.size() > most)
    return Error(Code::kExhausted, "a name in the multipart body is longer than " + std::to_string(most) + " bytes");
  if (!is_utf8(name) || std::ranges::any_of(name, is_control)) return bad("a name that is no plain text");
  return name;
}

Result<> read_disposition(std::string_view value, const MultipartLimits& limits, PartHead& head) {
  const std::size_t end = std::min(value.size(), value.find(';'));
  if (!equals_ignoring_case(trimmed(value.substr(0, end)), "form-data")) return bad("a part that is no form-data");
  bool has_name = false;
  for (Parameter& parameter : TRY(parse_parameters(value.substr(end)))) {
    if (parameter.name == "name") {
      head.name = TRY(checked_name(std::move(parameter.value), limits.name_bytes));
      has_name = true;
    } else if (parameter.name == "filename") {
      head.file_name = TRY(checked_name(std::move(parameter.value), limits.name_bytes));
    } else if (parameter.name.ends_with('*')) {
      // RFC 7578, 4.2, forbids it, and who reads it finds another name than who does not.
      return bad("an encoded name (filename*): send it as UTF-8");
    }
  }
  if (!has_name) return bad("a part without a name");
  return {};
}

/// `text`: lines, each with its CR LF.
Result<PartHead> parse_head(std::string_view text, const MultipartLimits& limits) {
  PartHead head;
  bool has_disposition = false;
  bool has_type = false;
  while (!text.empty()) {
    const std::size_t end = text.find("\r\n");
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return bad("a header that is none");
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (!is_field_value(value)) return bad("a header with control characters");
    if (equals_ignoring_case(name, "Content-Disposition")) {
      if (std::exchange(has_disposition, true)) return bad("two Content-Dispositions of one part");
      TRY(read_disposition(value, limits, head));
    } else if (equals_ignoring_case(name, "Content-Type")) {
      if (std::exchange(has_type, true)) return bad("two Content-Types of one part");
      head.content_type = value;
    } else if (equals_ignoring_case(name, "Content-Transfer-Encoding")) {
      const bool is_plain = equals_ignoring_case(value, "binary") || equals_ignoring_case(value, "8bit") ||
                            equals_ignoring_case(value, "7bit");
      if (!is_plain) return bad("a part that is encoded: send it as it is");
    }
  }
  if (!has_disposition) return bad("a part without a Content-Disposition");
  return head;
}

}  // namespace

Result<std::string> multipart_boundary(std::string_view content_type) {
  if (!equals_ignoring_case(media_type(content_type), "multipart/form-data"))
    return Error(Code::kInvalidArgument, "the body is to be multipart/form-data");
  const std::size_t end = std::min(content_type.size(), content_type.find(';'));
  std::optional<std::string> boundary;
  for (Parameter& parameter : TRY(parse_parameters(content_type.substr(end)))) {
    if (parameter.name == "boundary") boundary = std::move(parameter.value);
  }
  constexpr std::string_view kSigns = "'()+_,-./:=? ";
  const auto is_allowed = [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || kSigns.contains(c);
  };
  const bool is_sound = boundary && !boundary->empty() && boundary->size() <= kBoundaryMost &&
                        !boundary->ends_with(' ') && std::ranges::all_of(*boundary, is_allowed);
  if (!is_sound)
    return Error(Code::kInvalidArgument, "multipart/form-data needs a boundary of 1 to 70 plain characters");
  return *std::move(boundary);
}

MultipartParser::MultipartParser(std::string_view boundary, MultipartLimits limits)
    : delimiter_("\r\n--" + std::string(boundary)), limits_(limits), buffer_("\r\n") {}  // as if a line went before it

void MultipartParser::feed(std::string_view bytes) {
  buffer_.erase(0, at_);
  at_ = 0;
  buffer_ += bytes;
}

Result<MultipartParser::Event> MultipartParser::needs_more() const {
  if (has_ended_) return bad("it ends in the middle");
  return Event{};
}

Result<MultipartParser::Event> MultipartParser::next() {
  switch (place_) {
    case Place::kStart: return take_start();
    case Place::kAfterBoundary: return take_after_boundary();
    case Place::kHead: return take_head();
    case Place::kData: return take_data();
    case Place::kEpilogue: return take_epilogue();
    case Place::kDone: break;
  }
  return Event{.kind = Kind::kDone, .head = {}, .data = {}};
}

Result<MultipartParser::Event> MultipartParser::take_start() {
  const std::string_view text = rest();
  if (text.substr(0, delimiter_.size()) != std::string_view(delimiter_).substr(0, text.size()))
    return bad("it does not begin with its boundary");
  if (text.size() < delimiter_.size()) return needs_more();
  at_ += delimiter_.size();
  place_ = Place::kAfterBoundary;
  return take_after_boundary();
}

Result<MultipartParser::Event> MultipartParser::take_after_boundary() {
  const std::string_view text = rest();
  if (text.size() < 2) return needs_more();
  const std::string_view two = text.substr(0, 2);
  if (two != "\r\n" && two != "--") return bad("something behind a boundary");
  at_ += 2;
  place_ = two == "--" ? Place::kEpilogue : Place::kHead;
  if (std::exchange(is_in_part_, false)) return Event{.kind = Kind::kEnd, .head = {}, .data = {}};
  return next();
}

Result<MultipartParser::Event> MultipartParser::take_head() {
  const std::string_view text = rest();
  const bool is_empty = text.starts_with("\r\n");
  const std::size_t end = is_empty ? 0 : text.find("\r\n\r\n");
  const std::size_t size = end == std::string_view::npos ? text.size() : end;
  if (size > limits_.head_bytes)
    return Error(Code::kExhausted, "the headers of a part of the multipart body are longer than " +
                                       std::to_string(limits_.head_bytes) + " bytes");
  if (end == std::string_view::npos) return needs_more();
  if (is_empty) return bad("a part without headers");
  if (++parts_ > limits_.parts)
    return Error(Code::kExhausted, "the multipart body has more than " + std::to_string(limits_.parts) + " parts");
  PartHead head = TRY(parse_head(text.substr(0, end + 2), limits_));
  at_ += end + 4;
  place_ = Place::kData;
  is_in_part_ = true;
  return Event{.kind = Kind::kHead, .head = std::move(head), .data = {}};
}

Result<MultipartParser::Event> MultipartParser::take_data() {
  const std::string_view text = rest();
  const std::size_t end = text.find(delimiter_);
  if (end == 0) {
    at_ += delimiter_.size();
    place_ = Place::kAfterBoundary;
    return take_after_boundary();
  }
  // Without a whole delimiter in it, the end may be the beginning of one.
  std::size_t size = end;
  if (end == std::string_view::npos) size = text.size() - std::min(text.size(), delimiter_.size() - 1);
  if (size == 0) return needs_more();
  at_ += size;
  return Event{.kind = Kind::kData, .head = {}, .data = text.substr(0, size)};
}

Result<MultipartParser::Event> MultipartParser::take_epilogue() {
  const std::string_view text = rest();
  if (text.size() > 2 || text != std::string_view("\r\n").substr(0, text.size()))
    return bad("something behind its last boundary");
  if (!has_ended_) return Event{};
  if (text.size() == 1) return bad("something behind its last boundary");
  place_ = Place::kDone;
  return Event{.kind = Kind::kDone, .head = {}, .data = {}};
}

MultipartReader::MultipartReader(std::string_view boundary, Read read, MultipartLimits limits)
    : parser_(boundary, limits), read_(std::move(read)), piece_(kPiece) {}

Task<MultipartParser::Event> MultipartReader::pull() {
  while (true) {
    CO_TRY(MultipartParser::Event event, parser_.next());
    if (event.kind != MultipartParser::Kind::kNeedsMore) co_return event;
    CO_TRY(const std::size_t count, co_await read_(piece_));
    if (count == 0) parser_.end();
    else parser_.feed({reinterpret_cast<const char*>(piece_.data()), count});
  }
}

Task<std::optional<PartHead>> MultipartReader::next() {
  data_ = {};
  while (true) {
    CO_TRY(MultipartParser::Event event, co_await pull());
    if (event.kind == MultipartParser::Kind::kDone) co_return std::optional<PartHead>();
    if (event.kind != MultipartParser::Kind::kHead) continue;
    is_in_part_ = true;
    name_ = event.head.name;
    co_return std::optional(std::move(event.head));
  }
}

Task<std::size_t> MultipartReader::read_some(std::span<std::byte> buffer) {
  if (data_.empty() && is_in_part_ && !buffer.empty()) {
    CO_TRY(const MultipartParser::Event event, co_await pull());
    if (event.kind == MultipartParser::Kind::kData) data_ = event.data;
    else is_in_part_ = false;
  }
  const std::size_t count = std::min(data_.size(), buffer.size());
  if (count > 0) std::memcpy(buffer.data(), data_.data(), count);
  data_.remove_prefix(count);
  co_return count;
}

Task<std::string> MultipartReader::read_all(std::size_t limit) {
  std::string all;
  std::array<std::byte, 4096> buffer;
  while (true) {
    CO_TRY(const std::size_t count, co_await read_some(buffer));
    if (count == 0) co_return all;
    if (all.size() + count > limit) {
      co_return Error(Code::kExhausted,
                      "the part \"" + printable(name_, 80) + "\" is longer than " + std::to_string(limit) + " bytes");
    }
    all.append(reinterpret_cast<const char*>(buffer.data()), count);
  }
}

}  // namespace brig::http
