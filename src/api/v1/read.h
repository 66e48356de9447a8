#pragma once
/// From the JSON of requests to values: strict about types and ranges, with the path of what is wrong
/// ("$.limits.memory"). Pure.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "image/manifest.h"
#include "json/reader.h"
#include "policy/policy.h"
#include "sandboxes/command.h"
#include "sandboxes/context.h"
#include "sandboxes/sandboxes.h"

namespace brig::api::v1 {

inline constexpr std::size_t kBodyMax = std::size_t{1} << 20;  ///< of a JSON body
/// The largest `limits.output`: an answer that holds the output of a command is made in memory.
inline constexpr Bytes kOutputMost{std::uint64_t{16} << 20};
inline constexpr std::size_t kMetadataMax = 64;             ///< names of one sandbox
inline constexpr std::size_t kMetadataTextMax = 4096;       ///< bytes of one name or value
inline constexpr std::size_t kMetadataBytesMax = 16 << 10;  ///< of all: they are kept when the sandbox has ended

/// The JSON object that a body is, of at most kBodyMax bytes; an empty body is {}.
Result<json::Value> parse_object(std::string_view body);

/// Environment variables: {"NAME": "value", …}, or ["NAME=value", …].
Result<std::vector<policy::Variable>> read_variables(const json::Reader& at);
/// A sandbox's metadata, {"name": "value", …}, within the bounds above.
Result<std::vector<policy::Variable>> read_metadata(const json::Reader& at);

/// POST /v1/sandboxes. An empty body is {}.
struct CreateBody {
  sandboxes::CreateRequest request;
  std::string snapshot_id;
  bool is_dry_run = false;  ///< say whether it would be made, and how weak; make nothing
};
/// `defaults` are the template's: below what the body asks for, above a preset or the daemon's own.
Result<CreateBody> read_create(std::string_view body, const sandboxes::Options& options,
                               const image::Defaults& defaults = {});

/// POST …/exec. `cmd` is a shell's line, `argv` a program and its arguments; one of them. Without `timeout_seconds` the
/// command has `default_timeout`, or no limit if it is none.
struct ExecBody {
  sandboxes::CommandSpec spec;
  std::optional<std::string> input;  ///< and then, but for spec.keeps_input, its end
  bool is_background = false;        ///< answer when it has started
};
/// `folder` is where it runs if it does not say; empty: /workspace.
Result<ExecBody> read_exec(std::string_view body, const policy::Policy& policy, const std::string& folder = {});

/// POST …/contexts; its id is not there yet. An empty body is {}: Python.
Result<sandboxes::ContextSpec> read_context(std::string_view body, const policy::Policy& policy,
                                            const std::string& folder = {});
/// What a language's own context begins with, which a run makes that names the language.
sandboxes::ContextSpec default_context(const service::Language& language, const sandboxes::SandboxSpec& of);
/// POST …/contexts/{context}/run. Without `timeout_ms` or `timeout_seconds` a cell has the policy's timeout.
Result<service::Cell> read_cell(std::string_view body, const policy::Limits& limits);

/// PATCH …/lifecycle: what is absent stays. What is no longer persistent gets `usual.ttl` unless it has one.
Result<sandboxes::LifespanChange> read_lifespan(std::string_view body, const sandboxes::Lifespan& now,
                                                const sandboxes::Lifespan& usual);

struct SignalBody {
  int number = 15;
};
Result<SignalBody> read_signal(std::string_view body);
Result<guest::TerminalSize> read_size(std::string_view body);

struct MoveBody {
  std::string from;
  std::string to;
};
Result<MoveBody> read_move(std::string_view body);
Result<std::string> read_path(std::string_view body);
struct ModeBody {
  std::string path;
  std::uint16_t mode = 0;
};
Result<ModeBody> read_mode(std::string_view body);

/// POST …/fork and …/fork-tree. An empty body is {}.
struct ForkBody {
  std::size_t count = 2;
  std::vector<policy::Variable> metadata;
};
Result<ForkBody> read_fork(std::string_view body, bool is_tree);

/// POST …/promote.
struct PromoteBody {
  bool is_cleaning = false;
  std::string tree_id;
};
Result<PromoteBody> read_promote(std::string_view body);

/// POST …/ports/{port}/preview: for how long; an hour if it does not say.
inline constexpr Milliseconds kPreviewMost{7LL * 24 * 3'600'000};
Result<Milliseconds> read_preview(std::string_view body);

/// POST /v1/keys.
struct KeyBody {
  store::KeyGrant grant;
  std::string prefix = "brig_";
  std::optional<Milliseconds> lifetime;
};
Result<KeyBody> read_key(std::string_view body);

}  // namespace brig::api::v1
