#pragma once
/// Records for tests, every field filled.
#include <string>

#include "store/records.h"

namespace brig::store {

inline Sandbox sample_sandbox(const std::string& id, const std::string& key_id = std::string(kLocalKeyId)) {
  return {.id = id,
          .key_id = key_id,
          .template_name = "host",
          .runtime = "process",
          .boundary = "shared-kernel",
          .state = SandboxState::kCreating,
          .policy = R"({"limits":{"memory":268435456}})",
          .metadata = {{"team", "a\"b"}, {"run", "ünï"}},
          .envs = {{"LANG", "C.UTF-8"}, {"EMPTY", ""}},
          .created_at = wall_time(1'000),
          .deadline = wall_time(61'000),
          .ttl = Milliseconds(60'000),
          .idle = Milliseconds(5'000),
          .last_active_at = wall_time(1'000),
          .is_persistent = true,
          .parent_id = "parent",
          .snapshot_id = "snapshot",
          .fork_tree_id = "tree",
          .boot = Milliseconds(2),
          .ended_at = std::nullopt,
          .end_reason = std::nullopt,
          .end_detail = std::nullopt,
          .epoch = 7};
}

inline Snapshot sample_snapshot(const std::string& id, const std::string& key_id = std::string(kLocalKeyId)) {
  return {.id = id,
          .key_id = key_id,
          .sandbox_id = "sandbox",
          .template_name = "host",
          .created_at = wall_time(2'000),
          .size = mebibytes(3),
          .file_name = id + ".tar",
          .policy = "{}",
          .has_memory = false,
          .name = {}};
}

}  // namespace brig::store
