/// Requests for cells as E2B's clients send them, and the lines that come of what a cell says: whatever that is, each
/// is one JSON object in ASCII.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <boost/json/value.hpp>

#include "api/e2b/cell_lines.h"
#include "base/check.h"
#include "base/text.h"
#include "json/json.h"

namespace {

using brig::api::e2b::CellLines;
using brig::sandboxes::CellEvent;

void expect_lines(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    BRIG_CHECK(end != std::string_view::npos, "a line without an end");
    const std::string_view line = text.substr(0, end);
    for (const char c : line) BRIG_CHECK(c >= 0x20, "more than ASCII");
    const auto value = brig::json::parse(line, {.max_bytes = std::size_t{64} << 20, .max_depth = 128});
    BRIG_CHECK(value && value->is_object(), "no object");
    text.remove_prefix(end + 1);
  }
}

/// One event for each line of the input; its first character says which.
CellEvent event_of(std::string_view line) {
  const std::string text(line.substr(line.empty() ? 0 : 1));
  switch (line.empty() ? 'o' : line.front()) {
    case 'e': return {.kind = CellEvent::Kind::kErr, .text = text};
    case 'x': return {.kind = CellEvent::Kind::kError, .error = {.name = text, .value = text, .traceback = text}};
    case 'r': {
      CellEvent event{.kind = CellEvent::Kind::kResult};
      if (brig::is_utf8(text)) event.result.forms = {{"text/plain", text}, {"application/json", text}, {text, text}};
      return event;
    }
    default: return {.kind = CellEvent::Kind::kOut, .text = text};
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto execution = brig::api::e2b::read_execution(input))
    BRIG_CHECK(brig::is_utf8(execution->cell.code), "code that is no text");
  (void)brig::api::e2b::read_new_context(input);
  CellLines lines;
  const auto now = brig::wall_time(0);
  for (std::string_view rest = input; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    expect_lines(lines.take(event_of(rest.substr(0, end)), static_cast<std::int64_t>(size), now));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  expect_lines(lines.take({.kind = CellEvent::Kind::kEnd}, 0, now));
  return 0;
}
