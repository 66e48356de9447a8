#pragma once
/// The daemon that a command works with: the one that was named, or one of its own for as long as it runs.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "own_daemon.h"
#include "remote.h"

namespace brig::client {

struct Reached {
  std::unique_ptr<OwnDaemon> own;  ///< none: it was named
  std::unique_ptr<Remote> remote;  ///< goes first
};

/// The daemon of the flags, of BRIG_API_URL or BRIG_API_KEY; without any of these one that is started with `flags` of
/// `brig serve` and ends with us. `what` names its folder.
Result<Reached> reach(const std::optional<std::string>& url, const std::optional<std::string>& key,
                      const std::string& what, std::vector<std::string> flags = {});

}  // namespace brig::client
