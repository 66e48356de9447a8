// Attacker: either end of the guest protocol, against the decoder that both share.
// Held here: no read outside the bytes, no acceptance of what does not encode back to the same bytes' length.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "guest/messages.h"

using namespace brig::guest;

namespace {

/// What is accepted must be walkable: every string of every list is touched.
void touch(const StringList& list) {
  std::size_t sum = 0;
  list.for_each([&](std::string_view text) {
    for (char c : text) sum += static_cast<unsigned char>(c);
  });
  volatile std::size_t keep = sum;
  (void)keep;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::span<const std::byte> rest = std::as_bytes(std::span(data, size));
  while (rest.size() >= kHeaderSize) {
    const auto header = decode_header(rest.first<kHeaderSize>());
    if (!header.has_value()) return 0;
    rest = rest.subspan(kHeaderSize);
    const auto payload = rest.first(std::min<std::size_t>(header->length, rest.size()));
    (void)check(*header, payload).has_value();
    if (const auto exec = decode<Exec>(*header, payload); exec.has_value()) {
      touch(exec->argv);
      touch(exec->env);
      static std::byte buffer[kHeaderSize + kPayloadMax];
      const auto again = encode(*exec, header->channel, buffer);
      if (!again.has_value() || *again != kHeaderSize + payload.size()) std::abort();
    }
    rest = rest.subspan(payload.size());
  }
  return 0;
}
