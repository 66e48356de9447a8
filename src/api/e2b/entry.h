#pragma once
/// Entries: what is at a path, as E2B's clients read it (EntryInfo).
///
/// Of a symbolic link the type and mode are those of what it leads to, the permissions its own. Owner and group are
/// names: what lies where the sandbox's user may write is the user's, everything else is root's; whose files inside
/// others are is not asked.
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "api/e2b/place.h"
#include "async/task.h"
#include "guest/session.h"
#include "sandboxes/sandbox.h"

namespace brig::api::e2b {

/// "-rw-r--r--", "drwxr-xr-x", "dtrwxrwxrwx", "Lrwxrwxrwx": as Go writes modes.
std::string permissions_of(guest::FileType type, std::uint16_t mode);
/// "2026-01-01T00:00:00.123456789Z"
std::string timestamp_of(std::chrono::nanoseconds since_1970);

/// `entry` is what is at `path` itself; `target` what it leads to, if it is a link that leads anywhere.
boost::json::object entry_json(const GuestPath& path, const guest::FileEntry& entry, const Followed* target);
/// The same, after looking. ENOENT as os_error(), and others of the sandbox's kernel.
Task<boost::json::object> describe_path(std::shared_ptr<sandboxes::Sandbox> sandbox, GuestPath path);
/// The same of one that was listed: only where a link leads is looked for.
Task<boost::json::object> describe_entry(std::shared_ptr<sandboxes::Sandbox> sandbox, GuestPath path,
                                         guest::FileEntry entry);

}  // namespace brig::api::e2b
