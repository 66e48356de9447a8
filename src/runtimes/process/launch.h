#pragma once
/// What brig asks of brig-launch and what comes back: a short list of typed messages over SOCK_SEQPACKET.
///
/// One Launch makes one sandbox, watched by one *warden* process. Its descriptors are: the control socket on which the
/// warden answers, the guest's end of the channel, then one O_PATH descriptor a mount, in order. Closing the control
/// socket ends the sandbox.
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "runtime/attestation.h"
#include "runtime/cell_report.h"

namespace brig::runtimes::process {

/// A file or folder to show inside; its descriptor travels with the message. The launcher can show only what the asker
/// could open.
struct LaunchMount {
  std::string host;  ///< where it was found; used again without root, with device and inode checked
  std::string path;  ///< relative to the new root: "workspace/data.csv"
  bool is_folder = false;
  bool is_writable = false;
  bool operator==(const LaunchMount&) const = default;
};

struct LaunchRequest {
  std::string id;  ///< [a-z0-9-]{1,64}
  Bytes memory;
  std::uint32_t cpu_millis = 0;
  std::uint32_t pids = 0;
  std::uint32_t open_files = 0;
  std::uint64_t cpu_seconds = 0;  ///< 0 = no limit
  Bytes disk;
  std::uint32_t inodes = 0;
  Milliseconds lifetime{0};  ///< 0 = no end
  std::vector<LaunchMount> mounts;
  bool operator==(const LaunchRequest&) const = default;
};

/// Asks of a warden.
enum class Ask : std::uint8_t { kStats = 1, kDestroy = 2 };

struct Ready {
  runtime::Attestation attestation;
};  ///< built, verified, serving
struct Failed {
  Error error;
};  ///< nothing was left behind
struct Stats {
  runtime::CellReport report;
};
struct Ended {
  runtime::CellReport report;
};  ///< every process and group is gone; the last message
using Reply = std::variant<Ready, Failed, Stats, Ended>;

std::string encode(const LaunchRequest& request);
/// kInvalidArgument for anything malformed or out of bounds: the launcher trusts nobody who asks.
Result<LaunchRequest> decode_request(std::span<const char> bytes);

std::string encode(const Reply& reply);
Result<Reply> decode_reply(std::span<const char> bytes);

inline constexpr std::size_t kMaxMounts = 64;
/// In brig-launch: the socket on which Launch messages arrive.
inline constexpr int kLaunchSocketFd = 3;

}  // namespace brig::runtimes::process
