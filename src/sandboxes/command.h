#pragma once
/// Command: one program in a sandbox that lives, from its start until nobody needs its output any more.
///
/// It goes on without anybody listening: output goes to its logs (output_log.h), from where any number of readers take
/// it at their own pace, from any offset, as often as they like. It ends by itself, by its own time limit if it was
/// given one, by the output limit, by a signal, or with the sandbox; there is no other deadline.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/notifier.h"
#include "async/task.h"
#include "guest/session.h"
#include "runtime/exit.h"
#include "runtime/judge.h"
#include "sandboxes/lifecycle.h"
#include "sandboxes/output_log.h"

namespace brig::sandboxes {

struct CommandSpec {
  std::vector<std::string> argv;
  std::vector<std::string> env;  ///< "NAME=value", all of it
  std::string cwd = "/workspace";
  bool has_stdin = false;
  bool keeps_input = false;  ///< what feed() gives it is not the end
  std::optional<guest::TerminalSize> terminal;
  std::optional<Milliseconds> timeout;  ///< none = as long as the sandbox
  bool is_background = false;           ///< does not keep the sandbox from being idle
  std::string tag;                      ///< what whoever started it calls it; nothing here depends on it
};

struct CommandEnd {
  runtime::Exit exit;
  std::vector<std::string> limits_hit;
  std::string note;  ///< what a person should know, if the status does not say it
};

/// Of each stream, what one answer holds at most, whatever the policy says: it is made in memory, and six times as long
/// as JSON. All of the output can be read from any offset.
inline constexpr std::uint64_t kTextMost = std::uint64_t{4} << 20;

class Command final : public guest::OutputSink, public std::enable_shared_from_this<Command> {
 public:
  /// What happened in the sandbox since the command was started, as far as the host counts it: limits that were met.
  using Figures = std::function<Task<runtime::CellReport>()>;

  /// `activity` hears of each piece of output and of the end.
  Command(std::string id, CommandSpec spec, policy::Limits limits, std::shared_ptr<Spool> spool,
          std::shared_ptr<Notifier> activity, const asio::any_io_executor& executor, WallTime started_at);

  /// Starts it. A program that cannot be started (no such program, no process left) is a command that has ended, as in
  /// a shell; an Error is the session's.
  Task<> start(guest::Session& session);
  /// Until it has ended and its last output has come. Once, after start(), in a task of the sandbox's.
  Task<> run(Figures figures);

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] const CommandSpec& spec() const { return spec_; }
  [[nodiscard]] WallTime started_at() const { return started_at_; }
  [[nodiscard]] std::uint32_t pid() const { return pid_; }  ///< inside; 0 if it could not be started
  [[nodiscard]] const OutputLog& out() const { return out_; }
  [[nodiscard]] const OutputLog& err() const { return err_; }
  [[nodiscard]] const std::optional<CommandEnd>& end() const { return end_; }
  /// From its start to its end; of one that has ended.
  [[nodiscard]] std::chrono::microseconds duration() const { return duration_; }
  /// What it costs the daemon to remember it.
  [[nodiscard]] std::size_t in_memory() const;
  [[nodiscard]] std::uint64_t limit_of_text() const { return std::min(limits_.output.count, kTextMost); }

  /// Suspends until there is more output, or the end.
  Task<> changed() { return changed_.wait(); }
  Task<> wait();

  /// Whose turn it is to write to the command's input: one writer after the other, in the order in which they came, so
  /// that what one writes in pieces stays together.
  class InputTurn {
   public:
    explicit InputTurn(std::shared_ptr<Command> command);
    InputTurn(const InputTurn&) = delete;
    InputTurn& operator=(const InputTurn&) = delete;
    ~InputTurn();
    /// Suspends until nobody else is before it. kConflict if the command has ended, or has no input.
    Task<> come();

   private:
    std::shared_ptr<Command> command_;
    std::uint64_t number_;
  };

  // For one that runs; kConflict if it has ended.
  /// By whose turn it is.
  Task<> write_stdin(std::string bytes);
  /// Its input and then (but for keeps_input) the end of it, in the background: whoever started it need not wait for a
  /// program that does not read. In a task of the sandbox's.
  Task<> feed(std::string input);
  Result<> close_stdin();
  Result<> signal(int number);
  Result<> resize(guest::TerminalSize size);

  /// The sandbox ended, and the command with it: whoever waits hears of it.
  void abandon(runtime::Cause cause, std::string note);

  void on_output(guest::Stream stream, std::span<const std::byte> bytes) override;

 private:
  Result<guest::Process*> running();
  Result<> expect_input();
  bool could_not_start(const Error& error);
  void shrink();
  void tell();
  void finish(runtime::Observed observed, std::string note);

  std::string id_;
  CommandSpec spec_;
  policy::Limits limits_;
  WallTime started_at_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  OutputLog out_;
  OutputLog err_;
  Notifier changed_;
  std::shared_ptr<Notifier> activity_;
  Notifier over_;  ///< output_total is exceeded
  std::shared_ptr<guest::Process> process_;
  std::uint32_t pid_ = 0;
  bool is_over_output_ = false;
  bool is_input_closed_ = false;
  std::list<std::uint64_t> writers_;  ///< by their numbers; the first writes
  std::uint64_t next_writer_ = 1;
  Notifier turn_over_;
  std::uint64_t seen_ = 0;
  std::chrono::microseconds duration_{0};
  std::optional<CommandEnd> end_;
};

}  // namespace brig::sandboxes
