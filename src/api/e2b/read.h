#pragma once
/// From the JSON and the queries of E2B's clients to values. Pure. Fields that a client of another version may send and
/// that change nothing are let pass; whatever would need what there is not (egress, volumes, tokens) is an error that
/// says so.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/e2b/lives.h"
#include "base/wall_time.h"
#include "policy/policy.h"

namespace brig::api::e2b {

/// What a sandbox lives that is created or connected to without a word about it.
inline constexpr Milliseconds kTimeoutUsual{300'000};
inline constexpr Milliseconds kTimeoutOld{15'000};  ///< of the paths without /v2

struct CreateBody {
  std::string template_id = "base";
  std::vector<policy::Variable> metadata;
  std::vector<policy::Variable> environment;
  Life life;
};
/// POST /sandboxes and, with `is_v2`, POST /v2/sandboxes.
Result<CreateBody> read_create(std::string_view body, bool is_v2);

/// PUT …/network: what is not in it is cleared. What is public stays as it was.
Result<Network> read_network_update(std::string_view body, const Network& now);

/// {"timeout": seconds}: at least 0; `usual` if it is not there.
Result<Milliseconds> read_timeout(std::string_view body, Milliseconds usual);

/// POST …/refreshes: {"duration": seconds}.
Result<Milliseconds> read_refresh(std::string_view body);

/// POST …/connect.
struct ConnectBody {
  Milliseconds timeout = kTimeoutUsual;
};
Result<ConnectBody> read_connect(std::string_view body);
/// POST …/pause: kUnsupported for one that keeps no memory.
Result<> read_pause(std::string_view body);

inline constexpr std::size_t kForksMost = 100;
struct ForkBody {
  Milliseconds timeout = kTimeoutOld;
  std::size_t count = 1;
};
Result<ForkBody> read_fork(std::string_view body);

/// POST …/snapshots: the name, empty if it has none.
Result<std::string> read_snapshot(std::string_view body);

}  // namespace brig::api::e2b
