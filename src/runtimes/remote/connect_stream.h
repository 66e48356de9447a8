#pragma once
/// The Connect protocol, as much of it as running one process over the E2B API needs: envelopes and events, in JSON.
/// Pure.
///
/// What comes is read as hostile: an envelope is bounded before it is kept, an event has one meaning or is an error,
/// what people will see of it is printable. Fields and events that are not known here are a later version's business.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace brig::runtimes::remote {

/// Of one envelope: envd sends pieces of 32 KiB, in base64.
inline constexpr std::size_t kEnvelopeMax = std::size_t{256} << 10;

struct Envelope {
  bool is_end = false;  ///< of the stream
  std::string payload;
};

/// `payload` as a message of its own.
std::string enveloped(std::string_view payload);

/// Takes bytes as they come, gives envelopes. After an error it gives nothing else.
class EnvelopeReader {
 public:
  /// Keeps `bytes`. Ask next() until it has nothing more before each: then less than one envelope is kept.
  void feed(std::string_view bytes);
  /// Nothing: more bytes are needed. kInvalidArgument for what is no envelope, is compressed or is too large.
  Result<std::optional<Envelope>> next();
  /// In the middle of an envelope.
  [[nodiscard]] bool has_rest() const { return begin_ < bytes_.size(); }

 private:
  std::string bytes_;
  std::size_t begin_ = 0;
};

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
Result<ProcessEvent> read_event(const Envelope& envelope);

/// The request of process.Process/Start, enveloped: a program with a pipe as its standard input.
std::string start_request(const std::string& program, std::span<const std::string> arguments);
/// The request of process.Process/SendInput: `bytes` to the standard input of `pid`.
std::string input_request(std::uint32_t pid, std::string_view bytes);

}  // namespace brig::runtimes::remote
