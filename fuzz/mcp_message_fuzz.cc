// Attacker: a client of /mcp, which controls the message and the headers that repeat parts of it. The first line of the
// input is the headers, the rest the body.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "api/mcp/content.h"
#include "api/mcp/message.h"
#include "api/mcp/tools.h"
#include "base/check.h"
#include "base/text.h"
#include "json/json.h"

using namespace brig;
using namespace brig::api::mcp;

namespace {

void check_arguments(const boost::json::value& given) {
  for (const Tool tool : {Tool::kRunCode, Tool::kRunCommand, Tool::kReadFile, Tool::kWriteFile, Tool::kListFiles,
                          Tool::kCreateSandbox, Tool::kListSandboxes, Tool::kKillSandbox}) {
    const auto read = read_arguments(tool, given);
    if (!read) {
      BRIG_CHECK(!read.error().message().empty(), "an error without a reason");
      continue;
    }
    BRIG_CHECK(read->max_bytes >= 1 && read->max_bytes <= kReadMost, "a read without end");
    BRIG_CHECK(!read->timeout || (read->timeout->count() > 0 && *read->timeout <= std::chrono::seconds(kTimeoutMost)),
               "a time limit that is none");
    BRIG_CHECK(read->path.find('\0') == std::string::npos, "a NUL in a path");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = std::min(input.find('\n'), input.size());
  const std::string_view header = input.substr(0, line);
  const std::string_view body = input.substr(std::min(line + 1, input.size()));
  const auto message = read_message(body);
  if (!message) {
    BRIG_CHECK(json::parse(refusal_text(message.error())).has_value(), "a refusal that is no JSON");
    return 0;
  }
  BRIG_CHECK((message->kind == Message::Kind::kRequest) == (!message->id.is_null() && !message->method.empty()),
             "a request without an id, or what is none with one");
  const auto checked =
      check_stateless(*message, {.revision = message->revision(), .method = message->method, .name = header});
  if (!checked) BRIG_CHECK(json::parse(refusal_text(checked.error())).has_value(), "a refusal that is no JSON");
  if (const auto* given = message->params.if_contains("arguments")) check_arguments(*given);
  BRIG_CHECK(is_utf8(shortened(body, 64)) || !is_utf8(body), "a character was cut");
  return 0;
}
