#pragma once
/// What brig asks of brig-launch and what comes back: a short list of typed messages over SOCK_SEQPACKET.
///
/// One Launch makes one sandbox, watched by one *warden* process. Its descriptors are: the control socket on which the
/// warden answers, the guest's end of the channel, then one descriptor a mount, in order, opened for reading: what the
/// asker could not read itself is not shown (asker.h); then the image, if the root is made from one, and of a root that
/// can be written its layers and the folder of its changes. Closing the control socket ends the sandbox.
#include <cstdint>
#include <optional>
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

/// What makes the sandbox's first process: the launcher itself, or a program that knows the OCI runtime specification.
enum class Wall : std::uint8_t { kProcess, kRunc, kRunsc };
inline constexpr Wall kLastWall = Wall::kRunsc;

struct LaunchRequest {
  std::string id;  ///< [a-z0-9-]{1,64}
  Wall wall = Wall::kProcess;
  Bytes memory;
  std::uint32_t cpu_millis = 0;
  std::uint32_t pids = 0;
  std::uint32_t open_files = 0;
  std::uint64_t cpu_seconds = 0;  ///< 0 = no limit
  Bytes disk;
  std::uint32_t inodes = 0;
  Milliseconds lifetime{0};  ///< 0 = no end
  std::vector<LaunchMount> mounts;
  std::string image;         ///< digest of the image that is the root, 64 hex digits; empty = the host's /usr
  bool is_writable = false;  ///< the root is runtime::WritableRoot
  std::uint32_t layers = 0;  ///< of it
  bool operator==(const LaunchRequest&) const = default;
};

/// Longer would overflow the kernel's clocks one day; parse_duration() allows as much.
inline constexpr Milliseconds kMaxLifetime = std::chrono::hours(24 * 365 * 10);

/// Asks of a warden. It answers each but kDestroy with an Answer, in order.
enum class Ask : std::uint8_t { kStats = 1, kDestroy = 2, kSetLifetime = 3, kPause = 4, kResume = 5 };
inline constexpr Ask kLastAsk = Ask::kResume;
struct AskMessage {
  Ask what = Ask::kStats;
  std::uint32_t serial = 0;  ///< comes back in the Answer
  Milliseconds lifetime{0};  ///< kSetLifetime: from the warden's now; 0 = no end
  bool operator==(const AskMessage&) const = default;
};

struct Ready {
  runtime::Attestation attestation;
};  ///< built, verified, serving
struct Failed {
  Error error;
};  ///< nothing was left behind; or, after Ready, the last message: how the sandbox was lost
struct Answer {
  std::uint32_t serial = 0;
  std::optional<Error> error;  ///< why it was not done
  runtime::CellReport report;  ///< current figures
};
struct Ended {
  runtime::CellReport report;
};  ///< every process and group is gone; the last message
using Reply = std::variant<Ready, Failed, Answer, Ended>;

std::string encode(const LaunchRequest& request);
/// kInvalidArgument for anything malformed or out of bounds: the launcher trusts nobody who asks.
Result<LaunchRequest> decode_request(std::span<const char> bytes);

std::string encode(const AskMessage& question);
/// kInvalidArgument for anything malformed or out of bounds.
Result<AskMessage> decode_ask(std::span<const char> bytes);

std::string encode(const Reply& reply);
Result<Reply> decode_reply(std::span<const char> bytes);

inline constexpr std::size_t kMaxMounts = 64;
inline constexpr std::uint32_t kMaxLayers = 64;
/// In brig-launch: the socket on which Launch messages arrive.
inline constexpr int kLaunchSocketFd = 3;

}  // namespace brig::runtimes::process
