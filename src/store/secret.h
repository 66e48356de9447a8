#pragma once
/// A secret of the daemon's own, kept in its state folder: what it signs with today it must know tomorrow.
#include <string>

#include "base/result.h"

namespace brig::store {

inline constexpr std::size_t kSecretSize = 32;

/// The 32 bytes in `folder`/`name`, made (mode 0600, on the disk before they are used) if there are none. kInternal for
/// a file that is none of ours: another size, or open to others. It is never overwritten.
Result<std::string> keep_secret(const std::string& folder, const std::string& name);

}  // namespace brig::store
