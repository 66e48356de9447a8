#pragma once
/// The schema of brig.db as numbered steps, and the walk from any earlier version to the newest.
///
/// A step, once released, never changes: a database somewhere stands behind it. Each runs in a transaction of its own
/// that also writes the new version, so a crash in between leaves either the old version or the new one.
#include <cstdint>
#include <span>
#include <string>

#include "store/db.h"

namespace brig::store {

/// Steps in order: the n-th (from 1) leads from version n-1 to n.
std::span<const char* const> schema_steps();

/// "BRIG": in the header of every database of ours, so that a foreign one is refused.
inline constexpr std::int64_t kApplicationId = 0x42524947;

/// Brings `db` to version `steps.size()`. Before the first step of a database that holds something, `path` is copied to
/// "<path>.v<version>.bak" (the whole database, readable on its own). kUnsupported, and nothing is changed, if the
/// database is newer than that.
Result<> migrate(Db& db, const std::string& path, std::span<const char* const> steps);

}  // namespace brig::store
