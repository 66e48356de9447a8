#pragma once
/// Tools: what a model is told that it can do, and its arguments, read strictly. Pure.
///
/// An error is for the model to read: it names the argument and what is expected of it.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

#include "base/result.h"
#include "base/units.h"

namespace brig::api::mcp {

/// Seconds that one call may ask for.
inline constexpr std::int64_t kTimeoutMost = 3'600;
/// Of one read_file.
inline constexpr std::uint64_t kReadDefault = std::uint64_t{32} << 10;
inline constexpr std::uint64_t kReadMost = std::uint64_t{256} << 10;
/// Entries that one list_files names.
inline constexpr std::size_t kEntriesShown = 200;

enum class Tool : std::uint8_t {
  kRunCode,
  kRunCommand,
  kReadFile,
  kWriteFile,
  kListFiles,
  kCreateSandbox,
  kListSandboxes,
  kKillSandbox,
};
std::optional<Tool> find_tool(std::string_view name);

/// The answer to tools/list. `prompt`: what a sandbox of the daemon's default template has (image/prompt.h).
boost::json::array describe_tools(std::string_view prompt);
/// What a client tells its model of all of them.
std::string_view instructions();

/// A sandbox that a model asks for; what is absent is as it is usual.
struct NewSandbox {
  std::string template_name;
  std::optional<Bytes> memory;
  std::optional<double> cpus;
  std::optional<Milliseconds> timeout;  ///< of one run that names none
  std::optional<Milliseconds> ttl;
};

/// Arguments of every tool; each has what its own description names.
struct Arguments {
  std::string sandbox_id;  ///< empty: the conversation's own
  std::string code;
  std::string language = "python";
  std::string command;
  std::string path;
  std::string content;  ///< bytes
  std::string cwd;
  std::optional<Milliseconds> timeout;
  std::uint64_t offset = 0;
  std::uint64_t max_bytes = kReadDefault;
  NewSandbox new_sandbox;  ///< of create_sandbox
};
Result<Arguments> read_arguments(Tool tool, const boost::json::value& arguments);

}  // namespace brig::api::mcp
