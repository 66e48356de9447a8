#pragma once
/// A command's output as server-sent events, from any offset, for as long as it and the client last.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/exchange.h"
#include "sandboxes/command.h"

namespace brig::api::v1 {

struct Offsets {
  std::uint64_t out = 0;
  std::uint64_t err = 0;
};

/// From `?stdout=N&stderr=M`, or from Last-Event-ID ("N-M"), or 0. kInvalidArgument for anything else.
Result<Offsets> read_offsets(const http::Exchange& exchange);

enum class Encoding : std::uint8_t {
  kText,    ///< {"chunk": "…"}: UTF-8, what is not becomes U+FFFD; a character is never cut in two
  kBase64,  ///< {"chunk_base64": "…"}: the bytes
};

/// Sends `start`, then `stdout` and `stderr` as they come, then `exit` with how the command ended. Each event's id is
/// where to go on after it. Ends early if the client goes; the command does not care.
Task<> stream_output(http::Exchange& exchange, std::shared_ptr<sandboxes::Command> command, Offsets from,
                     Encoding encoding, bool is_pandastack);

}  // namespace brig::api::v1
