#pragma once
/// The walls of this Brig: the one place of `brig` that names concrete ones.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "command.h"
#include "helper.h"
#include "runtime/walls.h"

namespace brig::cli {

/// How long the runtime will be used: a launcher for one sandbox saves a process.
enum class Use : std::uint8_t { kOnce, kOften };

/// What the remote wall needs; where it is not given, BRIG_REMOTE_URL, BRIG_REMOTE_KEY_FILE, BRIG_REMOTE_TEMPLATE and
/// BRIG_REMOTE_SANDBOX_URL say it.
struct RemoteFlags {
  std::optional<std::string> url;
  std::optional<std::string> key_file;
  std::optional<std::string> template_name;  ///< of an E2B service
  std::optional<std::string> sandbox_url;    ///< of an E2B service, if all its sandboxes are reached there
  bool is_trusted = false;
};

/// Walls that `brig` itself has not: they need HTTP.
inline constexpr std::array<std::string_view, 3> kElsewhere{"docker", "podman", "remote"};

/// Becomes the program that has a wall which this one has not (it needs HTTP), with `command` (run, attack) and its
/// arguments; returns only if it cannot, or if the name is one of these mistyped, with an exit code. Nothing if the
/// wall, if it is one, is here.
std::optional<int> run_elsewhere(const std::string& wall, const std::string& command, const Arguments& arguments);

/// Those that this program has, fastest first. Each is made when it is first looked at; kNotFound then if Brig's own
/// helper programs are not where they were installed.
runtime::Walls make_walls(Use use, const RemoteFlags& remote = {});

/// Brig's own: those among which is chosen when nobody names one. Somebody else's daemon, or machine, is used only by
/// name.
runtime::Walls make_own_walls(Use use);

}  // namespace brig::cli
