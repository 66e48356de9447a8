#pragma once
/// Canary: a process outside the sandbox with a secret in every place where a sandbox must not reach.
///
/// It holds the secret in its environment, its memory and an open descriptor; listens on loopback (TCP 4 and 6, UDP),
/// on an abstract and on a file-system socket and tells it to whoever asks; and reports every touch. In the room of a
/// control it also plays the outside world: the metadata service and hosts of the internet are addresses of that room's
/// own loopback.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace brig::attack {

/// The environment variable that holds the secret.
inline constexpr const char* kCanaryVariable = "BRIG_ATTACK_CANARY";
/// The name of the canary process in /proc/N/comm.
inline constexpr const char* kCanaryName = "brig-canary";
/// The descriptor of the canary process that holds the secret.
inline constexpr int kCanaryDescriptor = 77;

enum class World : bool { kHost, kRoom };

/// Serves until standard input ends. First prints one line "ready name=value…" (the arguments probes need: tcp4 tcp6
/// udp abstract canary address length), then a line "touched WHAT" for every touch. `folder` is where the file-system
/// socket is made.
int serve_canary(const std::string& folder, World world);

}  // namespace brig::attack
