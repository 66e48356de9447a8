#pragma once
/// Zygote: a clean interpreter in a sandbox, with its template's modules imported, that is forked for contexts.
///
/// It never runs a cell: whatever cells do, the next context begins as the first one did, without the time that imports
/// take. It is a command in the sandbox like any other: its processes and memory are the sandbox's, programs inside can
/// kill it, and what it says is believed of that sandbox only. Where it is gone, slow, or not what a context needs, the
/// context starts an interpreter of its own. One thread, the executor's.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "async/notifier.h"
#include "async/task.h"
#include "guest/session.h"
#include "policy/policy.h"
#include "service/kernel.h"
#include "service/languages.h"

namespace brig::sandboxes {

/// How contexts' interpreters came to be, in all.
struct InterpreterStarts {
  std::uint64_t forked = 0;
  std::uint64_t cold = 0;
  std::uint64_t fallback = 0;  ///< cold, because the zygote that was asked could not
};

/// The environment of a context that asks for nothing in a sandbox with `policy`.
std::vector<std::string> usual_environment(policy::Policy policy);
/// IPython's shell takes half a second to start, ours forty milliseconds: whoever wants it says so.
void prefer_own_engine(std::vector<std::string>& environment);

/// Writes the files of `launch` where they belong.
Task<> put_files(const std::function<Result<guest::Session*>()>& agent, const service::Launch& launch);

/// What one begins with.
struct ZygoteSpec {
  std::vector<std::string> environment;                         ///< all it has, "NAME=value"
  std::vector<std::string> modules = service::usual_modules();  ///< imported, those that there are
};

class Zygote final : public guest::OutputSink, public std::enable_shared_from_this<Zygote> {
 public:
  /// The agent of the sandbox that it is in.
  using Agent = std::function<Result<guest::Session*>()>;

  Zygote(const service::Language& language, ZygoteSpec spec, asio::any_io_executor executor);

  /// Suspends until it can be forked. kUnsupported for a language, or an agent, that cannot; kUnavailable if it ended
  /// or took too long.
  Task<> start(Agent agent);
  [[nodiscard]] bool is_ready() const { return is_ready_ && !is_over_; }
  /// It has ended, and what it has forked for the next context.
  [[nodiscard]] bool is_over() const { return is_over_; }
  /// Whether an interpreter for that environment may be forked from it: what acts at an interpreter's start, or while
  /// modules are imported, is the same.
  [[nodiscard]] bool suits(const service::Language& language, const std::vector<std::string>& environment) const;
  /// For guest::ExecRequest::zygote.
  [[nodiscard]] std::uint32_t channel() const { return process_ ? process_->channel() : 0; }

  bool was_used = false;  ///< somebody has asked it

  void on_output(guest::Stream stream, std::span<const std::byte> bytes) override;
  void on_end(guest::Stream stream) override;

 private:
  const service::Language& language_;
  ZygoteSpec spec_;
  bool is_ready_ = false;
  bool is_over_ = false;
  Notifier changed_;
  std::unique_ptr<guest::Process> process_;  ///< goes first: it speaks to us
};

}  // namespace brig::sandboxes
