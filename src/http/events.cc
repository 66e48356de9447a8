#include "http/events.h"

#include <utility>

namespace brig::http {
namespace {

void append_line(std::string& out, std::string_view name, std::string_view text) {
  out.append(name);
  for (const char c : text) {
    if (c != '\r' && c != '\n' && c != '\0') out.push_back(c);
  }
  out.push_back('\n');
}

}  // namespace

std::string format_event(const Event& event) {
  std::string text;
  text.reserve(event.data.size() + 32);
  if (!event.id.empty()) append_line(text, "id: ", event.id);
  if (!event.name.empty()) append_line(text, "event: ", event.name);
  std::string_view rest = event.data;
  while (true) {
    const auto end = rest.find_first_of("\r\n");
    text.append("data: ").append(rest.substr(0, end)).push_back('\n');
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + (rest.substr(end).starts_with("\r\n") ? 2 : 1));
  }
  text.push_back('\n');
  return text;
}

std::string format_event_comment(std::string_view text) {
  std::string line;
  append_line(line, ": ", text);
  line.push_back('\n');
  return line;
}

Result<> EventParser::feed(std::string_view bytes) {
  if (start_ > 0) {
    buffer_.erase(0, start_);
    scanned_ -= start_;
    start_ = 0;
  }
  if (buffer_.size() + event_.data.size() > limit_) {
    return Error(Code::kExhausted, "an event is longer than " + std::to_string(limit_) + " bytes");
  }
  buffer_.append(bytes);
  return {};
}

std::optional<std::string> EventParser::next_line() {
  const auto end = buffer_.find_first_of("\r\n", scanned_);
  // A CR at the very end may be the first half of a CRLF.
  if (end == std::string::npos || (buffer_[end] == '\r' && end + 1 == buffer_.size())) {
    scanned_ = end == std::string::npos ? buffer_.size() : end;
    return std::nullopt;
  }
  std::string line = buffer_.substr(start_, end - start_);
  start_ = end + (buffer_.compare(end, 2, "\r\n") == 0 ? 2 : 1);
  scanned_ = start_;
  return line;
}

std::optional<Event> EventParser::next() {
  while (auto line = next_line()) {
    if (line->empty()) {
      Event event = std::exchange(event_, {});
      if (!std::exchange(has_data_, false)) continue;
      event.data.pop_back();  // the line end after the last line
      return event;
    }
    const auto colon = line->find(':');
    if (colon == 0) continue;
    const std::string name = line->substr(0, colon);
    std::string value = colon == std::string::npos ? "" : line->substr(colon + 1);
    if (value.starts_with(' ')) value.erase(0, 1);
    if (name == "data") {
      event_.data.append(value).push_back('\n');
      has_data_ = true;
    } else if (name == "event") {
      event_.name = std::move(value);
    } else if (name == "id") {
      event_.id = std::move(value);
    }
  }
  return std::nullopt;
}

}  // namespace brig::http
