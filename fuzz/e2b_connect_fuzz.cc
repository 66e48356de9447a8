// Attacker: a client of the agent's services: the body of any call, as a stream in pieces and as one message.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include <boost/json/value.hpp>

#include "api/e2b/connect.h"
#include "api/e2b/process_messages.h"
#include "base/check.h"
#include "guest/wire.h"

using namespace brig;
using namespace brig::api::e2b;

namespace {

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

template <class T>
void expect_reason(const Result<T>& result) {
  BRIG_CHECK(result.has_value() || !result.error().message().empty(), "an error without a reason");
}

void read_as_any(const json::Reader& message) {
  if (const auto start = read_start(message)) {
    BRIG_CHECK(!start->argv.empty() && !start->argv.front().empty(), "a command without a program");
    BRIG_CHECK(start->argv.size() <= guest::kStringsMax, "arguments without end");
    BRIG_CHECK(std::ranges::none_of(start->argv, has_nul) && !has_nul(start->cwd), "a NUL in an argument");
    BRIG_CHECK(start->tag.size() <= kTagMax, "a tag without end");
    for (const auto& variable : start->environment)
      BRIG_CHECK(!variable.name.empty() && !has_nul(variable.name + variable.value) &&
                     variable.name.find('=') == std::string::npos,
                 "a variable that is none");
    BRIG_CHECK(!start->terminal || (start->terminal->rows > 0 && start->terminal->columns > 0),
               "a terminal of no size");
  }
  if (const auto which = read_selector(message))
    BRIG_CHECK((which->pid != 0) != !which->tag.empty(), "a process by two names or none");
  expect_reason(read_input(message));
  if (const auto number = read_signal(message)) BRIG_CHECK(*number == 9 || *number == 15, "a signal of another kind");
  expect_reason(read_terminal(message));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::size_t piece = static_cast<std::size_t>(static_cast<unsigned char>(rest.front())) + 1;
  rest.remove_prefix(1);
  if (const auto whole = read_message(rest)) read_as_any(json::Reader(*whole));
  const auto only = read_only_message(rest);
  expect_reason(only);
  http::EnvelopeReader reader(kMessageMax);
  std::size_t count = 0;
  while (!rest.empty()) {
    reader.feed(rest.substr(0, piece));
    rest.remove_prefix(std::min(piece, rest.size()));
    while (true) {
      const auto envelope = reader.next();
      if (!envelope) {
        BRIG_CHECK(!only || count > 0, "one message, and none");
        return 0;
      }
      if (!*envelope) break;
      ++count;
      BRIG_CHECK((*envelope)->payload.size() <= kMessageMax, "an envelope without end");
      if (const auto message = read_message((*envelope)->payload)) read_as_any(json::Reader(*message));
    }
  }
  BRIG_CHECK(!only || count == 1, "one message, or several");
  return 0;
}
