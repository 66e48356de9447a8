#pragma once
/// From the JSON of requests to values: strict about types and ranges, with the path of what is wrong
/// ("$.limits.memory"). Pure.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/common/body.h"
#include "api/common/creation.h"
#include "base/units.h"
#include "image/manifest.h"
#include "json/reader.h"
#include "policy/policy.h"
#include "sandboxes/command.h"
#include "sandboxes/contexts/context.h"
#include "sandboxes/sandboxes.h"

namespace brig::api::v1 {

/// POST /v1/sandboxes. An empty body is {}.
/// `defaults` are the template's: below what the body asks for, above a preset or the daemon's own.
Result<Wish> read_create(std::string_view body, const sandboxes::Options& options,
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
