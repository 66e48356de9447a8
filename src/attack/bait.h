#pragma once
/// Bait: a server inside a sandbox, for attacks on the daemon's proxy. It answers with exactly the bytes that the
/// harness laid out, however malformed, and writes down every byte it hears.
#include <cstdint>
#include <string>

namespace brig::attack {

/// Serves 127.0.0.1:`port` until it is killed. A request for "/NAME" is answered with the file answers/NAME of
/// `folder`,
/// "/endless" by a body that never ends, and else by "bait". Each request is appended to the file "heard" before it is
/// answered, behind a line of "=====".
int serve_bait(std::uint16_t port, const std::string& folder);

}  // namespace brig::attack
