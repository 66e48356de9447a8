#pragma once
/// The first hundred bytes of brig.db, read without SQLite: opening a file with SQLite may already change it.
#include <cstdint>
#include <string>

#include "base/result.h"

namespace brig::store {

/// Makes an empty `path` (0600) if there is none. Otherwise says whether it may be opened: kInternal if it is no SQLite
/// database, one of another program, cut short, or missing beside a log that has data; kUnsupported if its version is
/// above `newest`.
Result<> check_header(const std::string& path, std::int64_t newest);

/// Does `path` have a log with data? A clean close leaves none.
bool has_log(const std::string& path);

}  // namespace brig::store
