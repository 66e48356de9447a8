#pragma once
/// Context: the state of a code interpreter in a sandbox that lives: a kernel, and the cells that it runs.
///
/// Cells run one after the other, in the order in which they were asked for. One that is beyond its time, whose caller
/// is gone, or that somebody interrupts, is interrupted; a kernel that does not end it then is killed. A kernel that is
/// gone, whoever ended it, is started anew for the next cell, without its state. One thread, the executor's; a Context
/// keeps itself alive until close().
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/notifier.h"
#include "async/task.h"
#include "async/task_group.h"
#include "guest/session.h"
#include "runtime/judge.h"
#include "sandboxes/contexts/zygote.h"
#include "service/kernel.h"

namespace brig::sandboxes {

/// Cells of one context that wait for their turn.
inline constexpr std::size_t kCellsMax = 64;
/// Results of one cell that its caller has not taken yet; more are dropped, and counted.
inline constexpr std::size_t kHeldResultsMax = 256;
/// Bytes that the daemon holds for all contexts of one sandbox: results and errors that nobody has taken yet and lines
/// of them that have begun, beyond which they are dropped, and code that waits, beyond which none is taken.
inline constexpr std::size_t kHeldBytesMax = std::size_t{32} << 20;

struct ContextSpec {
  std::string id;
  const service::Language* language = nullptr;
  std::string cwd = "/workspace";
  std::vector<std::string> env;  ///< "NAME=value", all of it
};

struct CellEnd {
  std::string status;            ///< "ok", "error", "interrupted", "timeout", "exit", or "died": the kernel is gone
  std::optional<int> exit_code;  ///< of "exit"
  std::int64_t count = 0;        ///< which cell of its kernel it was; 0 if it never began
  std::uint64_t dropped = 0;     ///< results that were too many
};

/// One thing that the caller of a cell hears. The last is kEnd.
struct CellEvent {
  enum class Kind : std::uint8_t { kOut, kErr, kResult, kError, kEnd };
  Kind kind = Kind::kEnd;
  std::string text;
  service::RichResult result;
  bool is_main = false;  ///< the value of the last expression
  service::ProgramError error;
  CellEnd end;
};

class Context final : public std::enable_shared_from_this<Context> {
 public:
  /// The agent of the sandbox that it is in.
  using Agent = std::function<Result<guest::Session*>()>;
  /// What happened in the sandbox lately, as far as the host counts it.
  using Figures = std::function<Task<runtime::CellReport>()>;

  /// Where interpreters are forked, and who counts them. Empty: nowhere, and nobody.
  struct Warmth {
    /// A zygote that suits, if there is one.
    std::function<std::shared_ptr<Zygote>(const ContextSpec&)> find;
    /// That one is of no use any more.
    std::function<void(const std::shared_ptr<Zygote>&)> give_up;
    /// An interpreter has started.
    std::function<void(const ContextSpec&, std::uint64_t InterpreterStarts::* how)> started;
  };

  class Run;

  /// `held` counts for all contexts of the sandbox, up to kHeldBytesMax.
  Context(ContextSpec spec, policy::Limits limits, Agent agent, Figures figures, Warmth warmth,
          std::shared_ptr<std::size_t> held, asio::any_io_executor executor);

  /// Starts the kernel and waits until it is ready. kNotFound if the template has no such interpreter.
  Task<> open();
  /// Instead of open(): the first cell starts the kernel, and is told if there is none.
  void begin();
  /// Queues a cell. Whoever drops what this returns before its end has it interrupted. kExhausted if too many wait.
  Result<std::unique_ptr<Run>> run(service::Cell cell);
  /// Interrupts the cell that runs, if one does.
  void interrupt();
  /// Ends the kernel: the next cell gets a new one.
  void restart();
  /// Ends it, and with it whoever waits for a cell; who hears `why` as its error.
  void close(service::ProgramError why = closed());
  /// What cells hear of a context that somebody closed.
  static service::ProgramError closed();

  [[nodiscard]] const ContextSpec& spec() const { return spec_; }

 private:
  struct Waiting;
  struct Kernel;

  Task<> serve();
  Task<> launch();
  Task<bool> fork_kernel(std::shared_ptr<Zygote> zygote);
  Task<> launch_cold();
  Task<> start_kernel(std::vector<std::string> argv, std::uint32_t zygote, Milliseconds limit);
  Task<> perform(std::shared_ptr<Waiting> cell);
  Task<> settle(std::shared_ptr<Waiting> cell);
  Task<> expect_end(std::shared_ptr<Kernel> kernel);
  Task<> watch(std::shared_ptr<Kernel> kernel);
  Task<> mourn(std::shared_ptr<Waiting> cell);
  void take_output(Kernel& from, guest::Stream stream, std::span<const std::byte> bytes);
  void read_events(Kernel& from, std::span<const std::byte> bytes);
  void take_event(Kernel& from, std::string_view line);
  void forget_kernel();
  [[nodiscard]] bool is_running() const;

  ContextSpec spec_;
  policy::Limits limits_;
  Agent agent_;
  Figures figures_;
  Warmth warmth_;
  std::deque<std::shared_ptr<Waiting>> queue_;
  std::shared_ptr<Waiting> current_;
  std::int64_t next_cell_ = 1;

  std::shared_ptr<Kernel> kernel_;  ///< none, or one that has ended: the next cell starts one
  bool is_interrupted_ = false;
  bool is_closed_ = false;
  std::shared_ptr<std::size_t> held_;

  asio::any_io_executor executor_;
  Notifier changed_;
  TaskGroup tasks_;
};

/// A cell, for whoever asked for it.
class Context::Run {
 public:
  Run(std::shared_ptr<Context> context, std::shared_ptr<Waiting> cell);
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run();
  /// Suspends until there is one. Not after kEnd.
  Task<CellEvent> next();
  /// Suspends until next() has something: for a wait that may be given up, as next() may not.
  Task<> heard();
  /// Which cell of its interpreter it is; 0 as long as it has not begun, as far as is known.
  [[nodiscard]] std::int64_t count() const;

 private:
  std::shared_ptr<Context> context_;
  std::shared_ptr<Waiting> cell_;
};

}  // namespace brig::sandboxes
