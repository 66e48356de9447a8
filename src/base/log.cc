#include "base/log.h"

#include <unistd.h>

#include "base/text.h"

namespace brig {
namespace {

void append_string(std::string& line, std::string_view text) {
  const std::string shown = printable(text, kLogValueMax);  // without control characters, valid UTF-8
  line += '"';
  for (const char c : shown) {
    if (c == '"' || c == '\\') line += '\\';
    line += c;
  }
  line += '"';
}

}  // namespace

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::kDebug: return "debug";
    case Severity::kInfo: return "info";
    case Severity::kWarning: return "warning";
    case Severity::kError: break;
  }
  return "error";
}

std::string format_log(WallTime now, Severity severity, std::string_view event,
                       std::initializer_list<LogField> fields) {
  std::string line =
      "{\"time\":\"" + format(now) + "\",\"level\":\"" + std::string(to_string(severity)) + "\",\"event\":";
  append_string(line, event);
  for (const auto& [name, value] : fields) {
    line += ',';
    append_string(line, name);
    line += ':';
    if (const auto* text = std::get_if<std::string_view>(&value)) append_string(line, *text);
    else if (const auto* number = std::get_if<std::int64_t>(&value)) line += std::to_string(*number);
    else line += std::get<bool>(value) ? "true" : "false";
  }
  return line + "}\n";
}

void Log::write(Severity severity, std::string_view event, std::initializer_list<LogField> fields) const {
  if (severity < least_) return;
  const std::string line = format_log(clock_(), severity, event, fields);
  // A log that cannot be written must not end what it tells about.
  if (::write(out_.get(), line.data(), line.size()) < 0) return;
}

}  // namespace brig
