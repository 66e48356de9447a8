#pragma once
/// Sandboxes: all that live, from admission to the last trace. Between the store, which remembers, and the runtime.
///
/// A sandbox is in the store before anybody gets it, and its end is written there with its reason. Ending is
/// idempotent and not cancelled by whoever asked for it. One thread; the store's calls are short and block.
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "async/task_group.h"
#include "base/units.h"
#include "runtime/walls.h"
#include "sandboxes/pools.h"
#include "sandboxes/sandbox.h"
#include "store/store.h"

namespace brig::sandboxes {

struct Capacity {
  std::size_t sandboxes = 1000;  ///< at once, in all
  Bytes memory{0};               ///< promised to all together; 0 = no bound
  std::size_t creations = 8;     ///< being made at once; more wait for their turn
  PoolLimits pool;               ///< prepared cells
};

/// Knows the template that is the host's own /usr.
Result<runtime::RootImage> only_host(const std::string& name, std::string_view key_id);
/// Knows templates that have no defaults of their own.
Result<policy::Policy> as_it_is(const std::string& name, policy::Policy defaults);
/// Of every template the usual ones.
std::vector<std::string> only_usual_modules(const std::string& name);
/// Has no libraries.
Result<policy::Mount> no_libraries(const std::string& name, const std::vector<std::string>& libraries);

struct Options {
  Capacity capacity;
  policy::Policy defaults;  ///< of a sandbox that asks for nothing, and what is prepared from the start
  /// A sandbox with as much memory as this starts a zygote behind its first context. 0 = none does.
  Bytes warm_least = mebibytes(512);
  Lifespan lifespan{.ttl = Milliseconds{3'600'000}, .idle = {}};
  Milliseconds ttl_most{24LL * 3'600'000};
  SpoolLimits spool;
  bool may_persist = true;  ///< a sandbox may be without a time-to-live, if it asks to be
  /// The root of a template, as it is at this moment. kNotFound for an unknown one, and for one that is not there for
  /// the holder of that key.
  std::function<Result<runtime::RootImage>(const std::string& name, std::string_view key_id)> find_template = only_host;
  /// What a sandbox of a template gets that asks for nothing: `defaults`, unless the template has some of its own.
  std::function<Result<policy::Policy>(const std::string& name, policy::Policy defaults)> policy_of_template = as_it_is;
  /// The Python modules that zygotes of a template import.
  std::function<std::vector<std::string>(const std::string& name)> modules_of_template = only_usual_modules;
  /// The mount that shows libraries (policy::Libraries::use, not empty) in a sandbox of a template. kNotFound, with
  /// what to do, for those that are not installed: the daemon executes nothing that could.
  std::function<Result<policy::Mount>(const std::string& name, const std::vector<std::string>& libraries)>
      find_libraries = no_libraries;
};

/// kInvalidArgument for a time-to-live (none = persistent) that may not be had here.
Result<> expect_ttl(const Options& options, std::optional<Milliseconds> ttl);

struct CreateRequest {
  std::string template_name = "host";
  policy::Policy policy;
  Lifespan lifespan;
  std::vector<policy::Variable> metadata;
  std::string parent_id;
  std::string snapshot_id;
  std::string fork_tree_id;
  std::string request_id;      ///< of whoever asks, for the log
  std::string working_folder;  ///< of commands that name none; empty: /workspace
  bool gives_channel = false;  ///< see Sandbox::take_channel()
};

/// How a sandbox came to be, for metrics and the caller.
enum class Boot : std::uint8_t { kCold, kPool };

struct Created {
  std::shared_ptr<Sandbox> sandbox;
  Boot boot = Boot::kCold;
  Milliseconds duration{0};
};

/// What a sandbox would be.
struct Foreseen {
  std::vector<std::string> weaknesses;
  runtime::Capabilities capabilities;
};

/// Something that happened to a sandbox, for logs, metrics and the event stream. What it points to is there during the
/// call only.
struct Happening {
  const SandboxSpec* spec = nullptr;  ///< none: it concerns no sandbox
  /// "sandbox.created", "sandbox.ended", "sandbox.paused", "sandbox.resumed", "sandbox.lifetime", "command.ended",
  /// "sandbox.not_removed", "pool.failed", "store.failed"; and of templates (builds/), whose name is `subject`
  std::string_view type;
  std::string_view detail;  ///< how it was made ("pool", "cold"), why it ended, or what failed
  std::string_view runtime = {};
  std::string_view request_id = {};                        ///< whose request it was, if it was one's
  const Command* command = nullptr;                        ///< of "command.ended"
  std::optional<std::chrono::microseconds> duration = {};  ///< of making it, or of the command
  std::string_view key_id = {};                            ///< whose it is, if it concerns no sandbox; empty: nobody's
  std::string_view subject = {};                           ///< what else it is about
};

class Sandboxes {
 public:
  using OnHappening = std::function<void(const Happening&)>;

  /// References outlive it; `spool` is the folder for output that does not fit into memory.
  Sandboxes(Options options, runtime::Walls& walls, store::Store& store, FdRef spool, asio::any_io_executor executor,
            WallClock clock, OnHappening on_happening);
  Sandboxes(const Sandboxes&) = delete;
  Sandboxes& operator=(const Sandboxes&) = delete;
  ~Sandboxes();

  /// Once, before anything else: what the store believes to live belonged to a daemon that is gone, and died with it.
  /// How many there were.
  Result<std::size_t> recover();

  /// kExhausted over the key's quota, kUnavailable without room here, kDenied what the key may not have, kUnsupported
  /// what no wall can enforce, kInvalidArgument for an unknown wall. The sandbox belongs to `key`.
  Task<Created> create(store::Key key, CreateRequest request);
  /// Whether create() may be tried, with its errors, and what a sandbox would be: nothing is made.
  Result<Foreseen> foresee(const store::Key& key, const CreateRequest& request);
  /// kNotFound also for another key's: whether that exists is nobody's business.
  [[nodiscard]] Result<std::shared_ptr<Sandbox>> find(const store::Key& key, std::string_view id) const;
  /// find() for whoever proves in another way than by the owner's key that they may: the caller sees to that.
  [[nodiscard]] Result<std::shared_ptr<Sandbox>> find_any(std::string_view id) const;
  /// Those of a key that live, by age.
  [[nodiscard]] std::vector<std::shared_ptr<Sandbox>> of_key(const store::Key& key) const;

  /// What the store says of a sandbox, with its end if that could not be written yet.
  [[nodiscard]] store::Sandbox with_end(store::Sandbox record) const;

  Task<> kill(std::shared_ptr<Sandbox> sandbox, std::string detail);
  /// The same of all that a key has.
  Task<> kill_all_of(std::string key_id, std::string detail);
  Task<> pause(std::shared_ptr<Sandbox> sandbox);
  Task<> resume(std::shared_ptr<Sandbox> sandbox);
  /// kInvalidArgument as expect_ttl().
  Task<> change_lifespan(std::shared_ptr<Sandbox> sandbox, LifespanChange change);

  /// Ends all of them, and the pool; nothing is created any more.
  Task<> stop();

  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] const Pools& pools() const { return pools_; }
  [[nodiscard]] const InterpreterStarts& interpreter_starts() const { return *interpreter_starts_; }
  [[nodiscard]] runtime::Walls& walls() { return walls_; }
  /// Those that live or are about to end.
  [[nodiscard]] std::size_t count(State state) const;
  /// Those that are admitted and being made.
  [[nodiscard]] std::size_t creating() const { return admitted_.size(); }

 private:
  struct Admitted {
    std::string key_id;
    policy::Limits limits;
  };
  /// An end that the store did not take yet.
  struct Unnoted {
    std::string id;
    store::SandboxEnd end;
    WallTime at;
  };
  struct Promised {
    std::size_t sandboxes = 0;
    Bytes memory;
    std::uint64_t cpu_millis = 0;
  };
  class Admission;
  class Turn;

  [[nodiscard]] Promised promised_to(std::string_view key_id) const;
  Result<> admit(const store::Key& key, const CreateRequest& request);
  [[nodiscard]] Result<> expect_not_revoked(const store::Key& key) const;
  void give_turns();
  void prepare_defaults();
  Result<> prepare(const std::string& template_name);
  [[nodiscard]] ZygoteSpec zygote_in(const CellKind& kind) const;
  /// Where a sandbox would be made, and from what.
  struct Plan {
    runtime::RootImage root;
    policy::Policy policy;  ///< the request's, with what shows its libraries
    runtime::Walls::Chosen wall;
  };
  Result<policy::Policy> with_libraries(const std::string& template_name, policy::Policy policy) const;
  Result<Plan> plan(const store::Key& key, const CreateRequest& request);
  Task<PreparedCell> obtain(CellKind kind, const CreateRequest& request, Milliseconds lifetime, Boot& boot);
  Task<> end(std::shared_ptr<Sandbox> sandbox, EndReason reason, std::string detail);
  void ask_to_end(const std::shared_ptr<Sandbox>& sandbox, EndReason reason, std::string detail);
  void note_end(const Sandbox& sandbox);
  Result<> note_waiting();
  Task<> keep_noting();
  void tell(const Sandbox& sandbox, std::string_view type, std::string_view detail = {});
  void tell_command_end(const Sandbox& sandbox, const Command& command);

  Options options_;
  runtime::Walls& walls_;
  store::Store& store_;
  FdRef spool_;
  asio::any_io_executor executor_;
  WallClock clock_;
  OnHappening on_happening_;
  std::map<std::string, std::shared_ptr<Sandbox>, std::less<>> live_;
  std::list<Admitted> admitted_;  ///< and not yet in live_
  std::deque<Unnoted> unnoted_;
  std::size_t creations_ = 0;
  std::list<Turn*> turns_;  ///< of those that wait for one
  bool is_stopping_ = false;
  std::shared_ptr<InterpreterStarts> interpreter_starts_ = std::make_shared<InterpreterStarts>();
  Pools pools_;
  TaskGroup tasks_;  ///< ends: nobody else may cancel them
};

}  // namespace brig::sandboxes
