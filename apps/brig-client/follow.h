#pragma once
/// A command whose output is followed while it comes, and which is given our standard input meanwhile.
#include "remote.h"

namespace brig::client {

/// `request` is answered with the events of a command in `sandbox`, in base64; they are printed. With `has_input` our
/// standard input is sent piece by piece as it comes, of any length. The exit code is the command's.
Result<int> follow(Remote& remote, http::Request request, const std::string& sandbox, bool has_input);

}  // namespace brig::client
