#pragma once
/// run_task(): the whole life of one task in one sandbox: admit, create, write, run, watch, collect, destroy, judge.
///
/// The guest is hostile and decides only its own fate: if it forges, floods, hangs or dies, the report says so. An
/// Error means that *we* could not do our part. One thread; cancelling the task destroys the sandbox.
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "async/task.h"
#include "base/fd.h"
#include "base/paths.h"
#include "guest/session.h"
#include "policy/policy.h"
#include "runtime/runtime.h"
#include "service/capture.h"
#include "service/collect.h"
#include "service/languages.h"
#include "service/results.h"

namespace brig::service {

/// Any program, by name or path inside.
struct Command {
  std::vector<std::string> argv;
  std::string folder = "/workspace";                         ///< where it starts
  std::optional<std::vector<std::string>> environment = {};  ///< "NAME=value", all of it, instead of the usual one
};

struct TaskSpec {
  std::string id;  ///< as CellSpec::id
  policy::Policy policy;
  std::variant<Script, Command> program;
  runtime::RootImage root = {};  ///< the template; what it says of variables and limits is in `policy` already
  std::optional<runtime::WritableRoot> writable = {};  ///< the root is being made
  FdRef input;  ///< the program's standard input; not open = /dev/null. Read as it is, never made non-blocking
  std::optional<HostPath> out;   ///< where files and figures are written
  bool wants_files = false;      ///< RunReport::files even without `out`
  std::string wall_choice = {};  ///< for the attestation: why it runs behind this wall
};

/// Hears the output while it comes.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  /// The sandbox has been asked for and nothing that a guest sent has been read: the moment to give up what is not
  /// needed any more, while somebody else builds it. An Error ends the run.
  virtual Result<> on_requested() { return {}; }
  /// The next bytes of a stream's head (see Capture); what comes after it is in the report. A view valid during the
  /// call.
  virtual void on_head(guest::Stream stream, std::span<const std::byte> bytes) = 0;
};

struct RunReport {
  runtime::Exit exit;
  std::vector<std::string> limits_hit;
  std::string note;  ///< what a person should know about the end, if the status does not say it
  Capture out{Bytes{0}};
  Capture err{Bytes{0}};
  Results results;
  OutFiles files;
  std::vector<std::string> figures;  ///< names below `out` of the captured figures
  std::optional<Error> trouble;  ///< ours, after the program had run: `out` is full, the sandbox could not be removed …
  runtime::Attestation attestation;
};

/// The environment of every program, before the policy's own variables.
std::vector<std::string> environment_of(const policy::Policy& policy);

/// `runtime` and `observer` outlive the task. kInvalidArgument if the spec cannot be run at all (nothing was started),
/// kUnsupported if the runtime cannot enforce the policy, kNotFound if the template lacks the interpreter.
Task<RunReport> run_task(runtime::Runtime& runtime, TaskSpec spec, RunObserver& observer);

}  // namespace brig::service
