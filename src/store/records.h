#pragma once
/// The records of the store, as plain structs. Texts are the service's own words unless a comment says more.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/units.h"
#include "base/wall_time.h"

namespace brig::store {

/// Names and values in the order they were given; no name twice.
using StringMap = std::vector<std::pair<std::string, std::string>>;

/// The key of whoever comes through the Unix socket. Always there, never listed, matched by nothing presented.
inline constexpr std::string_view kLocalKeyId = "local";

/// What one key may use at once. Absent = no quota.
struct Quota {
  std::optional<std::uint32_t> sandboxes;
  std::optional<std::uint32_t> cpu_millis;  ///< 1000 = one processor
  std::optional<Bytes> memory;
  bool operator==(const Quota&) const = default;
};

struct Key {
  std::string id;
  std::string label;
  std::string hash;          ///< SHA-256 of the 40 digits, 32 bytes; the digits themselves are nowhere
  std::string prefix_shown;  ///< the beginning of the key's text, enough for people to tell keys apart
  WallTime created_at;
  std::optional<WallTime> expires_at;
  std::optional<WallTime> revoked_at;
  Quota quota;
  std::string floor;                   ///< the weakest boundary it may be given; empty = any
  std::vector<std::string> runtimes;   ///< empty = all
  std::vector<std::string> templates;  ///< empty = all
  bool may_build_templates = false;    ///< what its own sandboxes run on, and those of nobody else
  /// Neither revoked nor expired.
  [[nodiscard]] bool is_valid(WallTime now) const {
    return !revoked_at.has_value() && (!expires_at.has_value() || now < *expires_at);
  }
  bool operator==(const Key&) const = default;
};

enum class SandboxState : std::uint8_t { kCreating, kRunning, kPaused, kHibernated, kKilled, kFailed };
/// "creating", "running", …
std::string_view to_string(SandboxState state);
/// The state of that name, or nothing.
std::optional<SandboxState> parse_sandbox_state(std::string_view text);
/// Killed or failed: nothing is left of it and it does not change any more.
constexpr bool is_ended(SandboxState state) { return state == SandboxState::kKilled || state == SandboxState::kFailed; }

struct Sandbox {
  std::string id;
  std::string key_id;
  std::string template_name;
  std::string runtime;
  std::string boundary;
  SandboxState state = SandboxState::kCreating;
  std::string policy;  ///< JSON
  StringMap metadata;
  StringMap envs;
  WallTime created_at;
  std::optional<WallTime> deadline;  ///< ends at this moment, daemon or not; absent = never
  std::optional<Milliseconds> ttl;
  std::optional<Milliseconds> idle;
  WallTime last_active_at;
  bool is_persistent = false;
  std::optional<std::string> parent_id;
  std::optional<std::string> snapshot_id;
  std::optional<std::string> fork_tree_id;
  std::optional<Milliseconds> boot;  ///< how long its start took
  std::optional<WallTime> ended_at;
  std::optional<std::string> end_reason;
  std::optional<std::string> end_detail;
  std::int64_t epoch = 0;  ///< which life of the daemon made or adopted it
  bool operator==(const Sandbox&) const = default;
};

struct Snapshot {
  std::string id;
  std::string key_id;
  std::string sandbox_id;  ///< whose record may be gone
  std::string template_name;
  WallTime created_at;
  Bytes size;
  std::string file_name;
  std::string policy;  ///< JSON
  bool has_memory = false;
  std::string name;  ///< its owner's word for it; may be empty
  bool operator==(const Snapshot&) const = default;
};

struct Event {
  std::int64_t seq = 0;  ///< given by the store; grows by one or more
  WallTime at;
  std::string key_id;
  std::optional<std::string> sandbox_id;
  std::string type;
  std::string data;  ///< JSON
  bool operator==(const Event&) const = default;
};

/// One page of a list, and where the next begins; absent = this was the last.
template <class T>
struct Page {
  std::vector<T> items;
  std::optional<std::string> next;
};

}  // namespace brig::store
