#pragma once
/// The Connect protocol, as much of it as running one process over the E2B API needs: events, in JSON, in envelopes
/// (http/envelopes.h). Pure.
///
/// What comes is read as hostile: an event has one meaning or is an error, what people will see of it is printable.
/// Fields and events that are not known here are a later version's business.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/envelopes.h"

namespace brig::runtimes::remote {

/// Of one envelope: envd sends pieces of 32 KiB, in base64.
inline constexpr std::size_t kEnvelopeMax = std::size_t{256} << 10;

/// What happened to a process over there.
struct ProcessEvent {
  enum class Kind : std::uint8_t {
    kStarted,  ///< has `pid`
    kOut,      ///< has `bytes`
    kErr,      ///< has `bytes`
    kEnded,    ///< the process; `text` says how
    kClosed,   ///< the stream; `text` says why, empty if all is well
    kOther,    ///< a sign of life, or nothing that is known here
  };
  Kind kind = Kind::kOther;
  std::uint32_t pid = 0;
  std::string bytes;
  std::string text;
};

/// kInvalidArgument for what is no event.
Result<ProcessEvent> read_event(const http::Envelope& envelope);

/// The request of process.Process/Start, enveloped: a program with a pipe as its standard input.
std::string start_request(const std::string& program, std::span<const std::string> arguments);
/// The request of process.Process/SendInput: `bytes` to the standard input of `pid`.
std::string input_request(std::uint32_t pid, std::string_view bytes);

}  // namespace brig::runtimes::remote
