#pragma once
/// The messages of the process service, as protobuf's JSON has them. Pure.
///
/// What comes is bounded and checked, with errors that are kInvalidArgument.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "guest/session.h"
#include "json/reader.h"
#include "policy/policy.h"
#include "sandboxes/command.h"

namespace brig::api::e2b {

inline constexpr std::size_t kTagMax = 256;

struct StartRequest {
  std::vector<std::string> argv;
  std::vector<policy::Variable> environment;  ///< over the sandbox's own
  std::string cwd;                            ///< as it came; empty: the usual one
  std::optional<guest::TerminalSize> terminal;
  std::string tag;
  bool has_stdin = true;
};
Result<StartRequest> read_start(const json::Reader& message);

/// Which process is meant.
struct Selector {
  std::uint32_t pid = 0;  ///< 0: by its tag
  std::string tag;
};
/// Of the field "process".
Result<Selector> read_selector(const json::Reader& message);

struct ProcessInput {
  bool is_for_terminal = false;
  std::string bytes;
};
/// Of the field "input".
Result<ProcessInput> read_input(const json::Reader& message);
/// SIGKILL or SIGTERM, of the field "signal".
Result<int> read_signal(const json::Reader& message);
/// The size in the field "pty", if there is one.
Result<std::optional<guest::TerminalSize>> read_terminal(const json::Reader& message);

boost::json::object start_event(std::uint32_t pid);
/// `kind`: "stdout", "stderr" or "pty".
boost::json::object data_event(std::string_view kind, std::string_view bytes);
boost::json::object end_event(const sandboxes::CommandEnd& end);
boost::json::object keepalive_event();

}  // namespace brig::api::e2b
