#pragma once
/// Who and where inside: the user, the home folder, and what a path of an E2B client means there.
#include <string>
#include <string_view>

#include "async/task.h"
#include "base/paths.h"
#include "guest/session.h"
#include "http/exchange.h"
#include "sandboxes/sandbox.h"

namespace brig::api::e2b {

inline constexpr std::string_view kUser = "user";  ///< the only one that programs run as
inline constexpr std::string_view kHome = "/home/user";

/// Where a command starts that does not say.
std::string folder_of(const sandboxes::Sandbox& sandbox);

/// "" is the working folder, "~" and "~/x" are below the home folder, as is a relative path; "." and ".." are resolved
/// as text. kInvalidArgument for "~other", and for what is no path.
Result<GuestPath> resolve_path(std::string_view text, const sandboxes::Sandbox& sandbox);

/// The user that `Authorization: Basic` names; empty if none is named.
std::string user_of(const http::Exchange& exchange);
/// kDenied as kUnauthenticated says it (401) "invalid username: 'x' (…)" for any but "" and kUser.
Result<> expect_user(std::string_view name);

/// What is at `path` after the links at its end were followed, as far as they lead.
struct Followed {
  GuestPath path;
  guest::FileEntry entry;
};
/// ENOENT as os_error() for nothing there and for a link that leads nowhere, ELOOP for one that leads in a circle.
/// The sandbox is asked for its session anew at each step: it may end meanwhile.
Task<Followed> follow(std::shared_ptr<sandboxes::Sandbox> sandbox, GuestPath path);

}  // namespace brig::api::e2b
