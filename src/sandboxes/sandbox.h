#pragma once
/// Sandbox: one sandbox that lives: its cell, the conversation with the agent inside, its commands, its deadlines.
///
/// Made by Sandboxes (sandboxes.h), which also ends it. Others hold shared_ptrs for as long as one request takes; after
/// the end every operation answers kNotFound. Deadlines are watched here, on the event loop, and by the kernel in the
/// cell's lifetime, which is a little later and does not need us.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async/notifier.h"
#include "async/task.h"
#include "async/task_group.h"
#include "guest/session.h"
#include "policy/policy.h"
#include "runtime/runtime.h"
#include "sandboxes/command.h"
#include "sandboxes/contexts/context.h"
#include "sandboxes/contexts/zygote.h"
#include "sandboxes/lifecycle.h"

namespace brig::sandboxes {

/// Commands that have ended and are still remembered, the oldest forgotten first; sooner if their output takes the room
/// that a running one needs.
inline constexpr std::size_t kEndedCommandsMax = 100;
inline constexpr std::size_t kEndedBytesMax = std::size_t{1} << 20;  ///< of memory, but for the last one
/// Commands that run at once.
inline constexpr std::size_t kCommandsMax = 256;
/// Contexts at once: each is an interpreter.
inline constexpr std::size_t kContextsMax = 32;

struct SandboxSpec {
  std::string id;
  std::string key_id;  ///< its owner
  std::string template_name;
  policy::Policy policy;
  Lifespan lifespan;
  std::vector<policy::Variable> metadata;
  std::string parent_id;    ///< of a fork
  std::string snapshot_id;  ///< what it was made from
  std::string fork_tree_id;
  std::string working_folder;          ///< of commands that name none; empty: /workspace
  std::string wall_choice;             ///< why it has the wall it has
  runtime::Capabilities capabilities;  ///< of that wall
};

/// A context of the sandbox that asks for nothing of its own: its environment and working folder.
ContextSpec usual_context(const service::Language& language, const SandboxSpec& of);

/// Where its contexts' interpreters are forked.
struct Interpreters {
  std::shared_ptr<Zygote> zygote;  ///< one that is ready; or none
  bool may_start = false;          ///< whether one may be started when it has its first context
  std::vector<std::string> modules = service::usual_modules();                        ///< of one that is started
  std::shared_ptr<InterpreterStarts> starts = std::make_shared<InterpreterStarts>();  ///< counted here
};

/// What the kernel is told: a little after the sandbox's next deadline; 0 if it has none.
Milliseconds kernel_lifetime(const Lifecycle& life, WallTime now);

class Sandbox final : public std::enable_shared_from_this<Sandbox> {
 public:
  /// Asked to end the sandbox for a reason of its own: a deadline, or a guest that is gone.
  using OnDue = std::function<void(EndReason reason, std::string detail)>;
  /// Told of each command that has ended, once.
  using OnCommandEnd = std::function<void(const Sandbox&, const Command&)>;

  /// `life` has begun, at its last_used(); without a `session` the channel is to be taken; `cell` is fresh and has its
  /// kernel_lifetime(). The executor outlives it.
  Sandbox(SandboxSpec spec, Lifecycle life, std::unique_ptr<runtime::Cell> cell,
          std::unique_ptr<guest::Session> session, Interpreters interpreters, std::shared_ptr<Spool> spool,
          asio::any_io_executor executor, WallClock clock);
  /// Somebody who uses the sandbox: while there is one it is not idle, and its going is the last moment of use.
  class Use {
   public:
    Use() = default;
    explicit Use(std::shared_ptr<Sandbox> sandbox);
    Use(Use&&) = default;
    Use& operator=(Use&& other) noexcept;
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() { end(); }

   private:
    void end();
    std::shared_ptr<Sandbox> sandbox_;
  };

  /// The channel to the agent, given away. The sandbox ends with it.
  class Channel {
   public:
    Channel(std::shared_ptr<Sandbox> sandbox, Fd socket) : socket(std::move(socket)), sandbox_(std::move(sandbox)) {}
    Channel(Channel&&) = default;
    Channel& operator=(Channel&&) = delete;
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;
    ~Channel() {
      if (sandbox_) sandbox_->lost_channel(is_guest_gone);
    }

    Fd socket;
    bool is_guest_gone = false;  ///< the agent has closed its end, rather than whoever has ours

   private:
    std::shared_ptr<Sandbox> sandbox_;
  };

  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;
  ~Sandbox();

  /// Starts to watch over it.
  Result<> begin(OnDue on_due, OnCommandEnd on_command_end);

  [[nodiscard]] const SandboxSpec& spec() const { return spec_; }
  [[nodiscard]] const Lifecycle& life() const { return life_; }
  [[nodiscard]] const runtime::Attestation& attestation() const { return attestation_; }
  [[nodiscard]] WallTime created_at() const { return created_at_; }

  /// Of a sandbox that was made without a session, once: from then on its commands and files are somebody else's
  /// business. kConflict the second time, and for any other sandbox. One whose channel nobody takes ends soon.
  Result<Channel> take_channel();

  /// The agent inside, for file operations. kNotFound after the end, kConflict while it is paused or if its channel is
  /// to be given away. Counts as a use.
  Result<guest::Session*> session();
  [[nodiscard]] Use use() { return Use(shared_from_this()); }

  /// Returns when it has started; `input`, and then the end of it, goes to it in the background.
  Task<std::shared_ptr<Command>> start(CommandSpec spec, std::optional<std::string> input = {});
  [[nodiscard]] std::shared_ptr<Command> find_command(std::string_view id) const;
  [[nodiscard]] std::vector<std::shared_ptr<Command>> commands() const;
  /// Starts an interpreter and waits until it is ready; `spec` has no id yet.
  Task<std::shared_ptr<Context>> open_context(ContextSpec spec);
  /// The context that a language has by itself, under its name: it is there from its first use on, and its first cell
  /// starts the interpreter. `spec` says how, the first time. kExhausted if there are as many contexts as there may be.
  Result<std::shared_ptr<Context>> default_context(ContextSpec spec);
  [[nodiscard]] std::shared_ptr<Context> find_context(std::string_view id) const;
  [[nodiscard]] const std::vector<std::shared_ptr<Context>>& contexts() const { return contexts_; }
  /// Ends it; false if there is none of that id.
  bool close_context(std::string_view id);
  /// Suspends until one of its commands starts, prints or ends, or the sandbox does.
  Task<> activity();

  /// Suspends until it is paused, or has ended: for whoever tells of what goes on inside, which then goes on no more.
  Task<> halted();
  Task<> pause();
  Task<> resume();
  /// Returns when the kernel has the new end as well.
  Task<> change_lifespan(LifespanChange change);
  Task<runtime::CellReport> stats();

  /// Ends it and waits until nothing is left; the first reason counts. To be run where nobody cancels it.
  Task<> end(EndReason reason, std::string detail);
  [[nodiscard]] const std::string& end_detail() const { return end_detail_; }
  /// Suspends until nothing is left of it; an error if something may be.
  Task<> gone();

 private:
  Task<> watch_deadlines(OnDue on_due);
  Task<> watch_guest(OnDue on_due);
  Task<> expect_taker();
  void lost_channel(bool is_guest_gone);
  Task<> attend(std::shared_ptr<Command> command);
  Task<runtime::CellReport> figures();
  Result<std::shared_ptr<Context>> add_context(ContextSpec spec);
  Context::Warmth warmth();
  void warm_up(const ContextSpec& like);
  Task<> start_zygote(std::shared_ptr<Zygote> zygote);
  Result<> expect_alive() const;
  void still_used();
  void forget_old_commands();
  bool forget_oldest();

  SandboxSpec spec_;
  asio::any_io_executor executor_;
  WallClock clock_;
  std::shared_ptr<Spool> spool_;
  WallTime created_at_;
  Lifecycle life_;
  runtime::Attestation attestation_;
  std::unique_ptr<runtime::Cell> cell_;
  std::unique_ptr<guest::Session> session_;  ///< none: `channel_` is for somebody else
  Fd channel_;                               ///< until it is taken
  OnDue on_due_;
  std::vector<std::shared_ptr<Command>> commands_;  ///< by age
  std::uint64_t next_command_ = 1;
  std::vector<std::shared_ptr<Context>> contexts_;  ///< by age, also those that are being made
  std::uint64_t next_context_ = 1;
  Interpreters interpreters_;
  std::shared_ptr<std::size_t> held_by_contexts_ = std::make_shared<std::size_t>(0);  ///< bytes
  runtime::CellReport known_;  ///< figures when they were last asked for
  std::size_t uses_ = 0;       ///< at this moment
  Notifier changed_;           ///< deadlines or state
  std::shared_ptr<Notifier> activity_;
  Notifier gone_;
  std::optional<Result<>> destroyed_;  ///< once it is gone, or could not be
  std::string end_detail_;
  OnCommandEnd on_command_end_;
  TaskGroup tasks_;
};

}  // namespace brig::sandboxes
