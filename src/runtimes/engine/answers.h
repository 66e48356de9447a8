#pragma once
/// What an engine answers, as values. Pure.
///
/// The engine is believed to be what listens at its socket, and its answers are still read as hostile: bounded bytes,
/// depth, counts and texts, strict types, and what people will see of them is printable.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/result.h"

namespace brig::runtimes::engine {

inline constexpr std::size_t kAnswerMax = std::size_t{512} << 10;
inline constexpr std::size_t kTextMax = 300;         ///< of one text, in bytes
inline constexpr std::size_t kContainersMax = 1000;  ///< of one list; there may be more

/// GET /version and GET /info.
struct About {
  std::string name;  ///< "Docker 20.10.24", "Podman 4.3.1"
  bool is_podman = false;
  bool is_rootless = false;
  bool has_user_namespaces = false;  ///< its containers' ids are not the host's (userns-remap)
  bool may_limit = false;            ///< memory, processes and processors
  bool operator==(const About&) const = default;
};
Result<About> read_about(std::string_view version, std::string_view info);

/// A container's id: 64 hexadecimal digits, and so no path.
Result<std::string> read_created(std::string_view text);

/// GET /containers/ID/json.
struct Standing {
  std::int64_t pid = 0;  ///< 0 of one that does not run
  bool is_running = false;
  std::string error;  ///< why it could not be started
};
Result<Standing> read_standing(std::string_view text);

/// One line of GET /containers/json.
struct Listed {
  std::string id;
  std::string keeper;  ///< of our label; empty without
  bool is_running = false;
};
Result<std::vector<Listed>> read_list(std::string_view text);

/// What an answer of 300 and more means, with the engine's sentence.
Error error_of(int status, std::string_view body, std::string_view engine);

/// What was read of an answer; what is wrong with it is the engine's doing, and kUnavailable.
template <class T>
Result<T> from(std::string_view engine, Result<T> read) {
  if (read) return read;
  return Error(Code::kUnavailable, std::string(engine) + " answers what no engine says: " + read.error().message());
}

/// Of every container of ours: who keeps it (keeper_name.h).
inline constexpr std::string_view kKeeperLabel = "brig.keeper";

}  // namespace brig::runtimes::engine
