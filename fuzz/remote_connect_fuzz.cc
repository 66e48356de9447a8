// The stream of a process over there, in pieces, and what an E2B service answers.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/text.h"
#include "runtimes/remote/connect_stream.h"
#include "runtimes/remote/e2b_answers.h"

using namespace brig;
using namespace brig::runtimes::remote;

namespace {

void expect_sane(const http::Envelope& envelope) {
  BRIG_CHECK(envelope.payload.size() <= kEnvelopeMax, "an envelope without end");
  const auto event = read_event(envelope);
  if (!event) return;
  BRIG_CHECK(printable(event->text, event->text.size()) == event->text, "a text that may drive a terminal");
  BRIG_CHECK(event->text.size() <= 4'000, "a text without end");
  BRIG_CHECK(event->bytes.size() <= envelope.payload.size(), "more bytes than came");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::size_t piece = static_cast<std::size_t>(static_cast<unsigned char>(rest.front())) + 1;
  rest.remove_prefix(1);
  if (const auto made = read_e2b_made(rest)) {
    BRIG_CHECK(made->id.find_first_of("/?#%.\\ ") == std::string::npos, "an id that leads elsewhere");
    BRIG_CHECK(made->domain.find_first_of("/?#%@\\ ") == std::string::npos, "a host that leads elsewhere");
    BRIG_CHECK(made->token.find_first_of("\r\n ") == std::string::npos, "a token that is more than one");
  }
  (void)read_e2b_online(rest);
  http::EnvelopeReader reader(kEnvelopeMax);
  while (!rest.empty()) {
    reader.feed(rest.substr(0, piece));
    rest.remove_prefix(std::min(piece, rest.size()));
    while (true) {
      const auto envelope = reader.next();
      if (!envelope) return 0;
      if (!*envelope) break;
      expect_sane(**envelope);
    }
  }
  return 0;
}
