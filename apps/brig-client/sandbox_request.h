#pragma once
/// What the subcommands of `brig sandbox` share: the flags that say which daemon and which sandbox, and the texts of
/// flags as the API wants them.
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "../brig/options.h"
#include "base/error.h"
#include "remote.h"

namespace brig::client {

/// Says the error; the exit code.
int fail(const Error& error);

/// "/v1/sandboxes/ID…"
std::string path_of(const std::string& id, std::string_view rest = {});

/// What every subcommand understands, and the daemon it then talks to.
struct Common {
  std::optional<std::string> url;
  std::optional<std::string> key;
  bool is_json = false;
  std::optional<std::string> id;
  std::optional<std::vector<std::string>> rest;
  std::unique_ptr<Remote> remote;

  /// `what` is the name of the argument that names the sandbox; empty: there is none.
  void add_to(cli::Options& options, const std::string& what);
  std::optional<int> open();
  int need_id(const std::string& command) const;
};

/// {"NAME": "VALUE"} of NAME=VALUE texts; an exit code after a mistake.
std::expected<boost::json::object, int> pairs(const std::vector<std::string>& texts, const std::string& flag);
/// Seconds of "30s", "10m"; an exit code after a mistake.
std::expected<double, int> seconds(const std::string& text, const std::string& flag);

}  // namespace brig::client
