#include "sandboxes/sandboxes.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "async/timer.h"
#include "base/text.h"
#include "policy/parse.h"
#include "store/ids.h"

namespace brig::sandboxes {
namespace {

using Steady = std::chrono::steady_clock;

/// How long a creation waits for its turn before it is told to come back.
constexpr Milliseconds kTurnLimit{5'000};
/// When an end that could not be written is tried again, first and at most.
constexpr Milliseconds kNoteFirst{100};
constexpr Milliseconds kNoteMost{30'000};

std::optional<std::string> or_nothing(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

store::StringMap map_of(const std::vector<policy::Variable>& variables) {
  store::StringMap map;
  for (const policy::Variable& variable : variables) map.emplace_back(variable.name, variable.value);
  return map;
}

bool is_listed(const std::vector<std::string>& list, std::string_view name) {
  return list.empty() || std::ranges::find(list, name) != list.end();
}

}  // namespace

Result<runtime::RootImage> only_host(const std::string& name, std::string_view /*key_id*/) {
  if (name == runtime::RootImage().name) return runtime::RootImage();
  return Error(Code::kNotFound,
               "there is no template \"" + printable(name, 64) + "\" here; \"host\" is the one there is");
}

Result<policy::Mount> no_libraries(const std::string& /*name*/, const std::vector<std::string>& /*libraries*/) {
  return Error(Code::kNotFound, "there are no libraries here");
}

std::vector<std::string> only_usual_modules(const std::string& /*name*/) { return service::usual_modules(); }

Result<policy::Policy> as_it_is(const std::string& /*name*/, policy::Policy defaults) { return defaults; }

Result<> expect_ttl(const Options& options, std::optional<Milliseconds> ttl) {
  if (!ttl && options.may_persist) return {};
  if (ttl && *ttl <= options.ttl_most) return {};
  const std::string most = "the longest time-to-live here is " + format(options.ttl_most);
  return Error(Code::kInvalidArgument, ttl ? most : "a sandbox may not be persistent here; " + most);
}

Sandboxes::Sandboxes(Options options, runtime::Walls& walls, store::Store& store, FdRef spool,
                     asio::any_io_executor executor, WallClock clock, OnHappening on_happening)
    : options_(std::move(options)), walls_(walls), store_(store), spool_(spool), executor_(std::move(executor)),
      clock_(std::move(clock)), on_happening_(std::move(on_happening)),
      pools_(
          options_.capacity.pool, executor_, store::make_id, [this](const CellKind& kind) { return zygote_in(kind); },
          [this](const Error& error) { on_happening_({.type = "pool.failed", .detail = error.message()}); }),
      tasks_(executor_) {
  prepare_defaults();
}

/// What a sandbox gets that asks for nothing, or for a template only that has a size of its own.
void Sandboxes::prepare_defaults() {
  std::vector<std::string> names{"host"};
  for (const auto& [name, size] : options_.capacity.pool.templates) {
    if (name != names.front()) names.push_back(name);
  }
  for (const std::string& name : options_.capacity.pool.warm) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  for (const std::string& name : names) {
    if (options_.capacity.pool.size_of(name) == 0) continue;
    if (const auto kept = prepare(name); !kept)
      on_happening_({.type = "pool.failed", .detail = kept.error().message()});
  }
}

Result<> Sandboxes::prepare(const std::string& template_name) {
  // Nobody asks for it: what a key made is not kept ready for others.
  const runtime::RootImage root = TRY(options_.find_template(template_name, {}));
  const policy::Policy policy =
      TRY(with_libraries(template_name, TRY(options_.policy_of_template(template_name, options_.defaults))));
  const runtime::Walls::Chosen chosen = TRY(walls_.choose(policy, root));
  pools_.keep(kind_of(*chosen.runtime, root, policy));
  return {};
}

/// A kind says nothing of commands' environment; its mounts show whether there are libraries.
ZygoteSpec Sandboxes::zygote_in(const CellKind& kind) const {
  policy::Policy policy = kind.policy;
  if (const auto usual = options_.policy_of_template(kind.root.name, options_.defaults)) {
    policy.environment = usual->environment;
    policy.libraries = usual->libraries;
  }
  std::vector<std::string> environment = usual_environment(std::move(policy));
  prefer_own_engine(environment);
  return {.environment = std::move(environment), .modules = options_.modules_of_template(kind.root.name)};
}

Sandboxes::~Sandboxes() = default;

Result<std::size_t> Sandboxes::recover() {
  const auto lost = TRY(store_.sandboxes().unfinished());
  for (const store::Sandbox& record : lost) {
    // Its cell died with the daemon's end of the control socket. A deadline that passed meanwhile is the truer reason.
    const bool is_expired = record.deadline && *record.deadline <= clock_();
    const EndReason reason = is_expired ? EndReason::kExpired : EndReason::kDaemonLost;
    TRY(store_.sandboxes().end(record.id,
                               {.state = store::SandboxState::kKilled,
                                .reason = std::string(to_string(reason)),
                                .detail = "found at the daemon's next start"},
                               is_expired ? *record.deadline : clock_()));
    const SandboxSpec spec{.id = record.id,
                           .key_id = record.key_id,
                           .template_name = record.template_name,
                           .policy = {},
                           .lifespan = {},
                           .metadata = {},
                           .parent_id = {},
                           .snapshot_id = {},
                           .fork_tree_id = {}};
    on_happening_({.spec = &spec, .type = "sandbox.ended", .detail = to_string(reason), .runtime = record.runtime});
  }
  TRY(store_.answers().release_all());  // whoever was at it is gone, and so is what was made
  return lost.size();
}

/// Holds a place for a sandbox that is being made.
class Sandboxes::Admission {
 public:
  Admission(Sandboxes& owner, std::string key_id, const policy::Limits& limits)
      : owner_(owner), at_(owner.admitted_.insert(owner.admitted_.end(), {std::move(key_id), limits})) {}
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;
  ~Admission() { owner_.admitted_.erase(at_); }

 private:
  Sandboxes& owner_;
  std::list<Admitted>::iterator at_;
};

/// One of the creations that may go on at once, in the order in which they were asked for.
class Sandboxes::Turn {
 public:
  explicit Turn(Sandboxes& owner) : owner_(owner), has_come_(owner.executor_) {
    owner_.turns_.push_back(this);
    owner_.give_turns();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (is_mine_) --owner_.creations_;
    else owner_.turns_.remove(this);
    owner_.give_turns();
  }

  Task<> come() {
    using namespace asio::experimental::awaitable_operators;
    const auto give_up = Steady::now() + kTurnLimit;
    while (!is_mine_) {
      const auto left = std::chrono::duration_cast<Milliseconds>(give_up - Steady::now());
      if (left.count() <= 0) co_return Error(Code::kUnavailable, "too many sandboxes are being made at this moment");
      (void)co_await (has_come_.wait() || sleep(left));
    }
    co_return Result<>();
  }
  void give() {
    is_mine_ = true;
    has_come_.notify();
  }

 private:
  Sandboxes& owner_;
  Notifier has_come_;
  bool is_mine_ = false;
};

void Sandboxes::give_turns() {
  while (creations_ < options_.capacity.creations && !turns_.empty()) {
    ++creations_;
    turns_.front()->give();
    turns_.pop_front();
  }
}

/// To a key, or with "" to all.
Sandboxes::Promised Sandboxes::promised_to(std::string_view key_id) const {
  Promised promised;
  const auto add = [&](std::string_view owner, const policy::Limits& limits) {
    if (!key_id.empty() && owner != key_id) return;
    ++promised.sandboxes;
    promised.memory.count += limits.memory.count;
    promised.cpu_millis += limits.cpu_millis;
  };
  for (const auto& [id, sandbox] : live_) add(sandbox->spec().key_id, sandbox->spec().policy.limits);
  for (const Admitted& admitted : admitted_) add(admitted.key_id, admitted.limits);
  return promised;
}

Result<> Sandboxes::admit(const store::Key& key, const CreateRequest& request) {
  if (is_stopping_) return Error(Code::kUnavailable, "the daemon is stopping");
  if (!is_listed(key.templates, request.template_name))
    return Error(Code::kDenied, "this key may not use template " + printable(request.template_name));

  const policy::Limits& limits = request.policy.limits;
  // Before all that time may change: nobody shall wait for this.
  if (const Bytes most = options_.capacity.memory; most.count > 0 && limits.memory.count > most.count)
    return Error(Code::kInvalidArgument, "limits.memory: " + format_rounded(limits.memory) + " is more than the " +
                                             format_rounded(most) + " this host gives to all sandboxes: ask for less");
  const Promised used = promised_to(key.id);
  const auto over = [](const std::string& what) {
    return Error(Code::kExhausted, "this key's quota is used up: " + what + "; end one, or ask for a larger quota");
  };
  if (key.quota.sandboxes && used.sandboxes >= *key.quota.sandboxes)
    return over(std::to_string(used.sandboxes) + " sandboxes at once");
  if (key.quota.memory && used.memory.count + limits.memory.count > key.quota.memory->count)
    return over(format(*key.quota.memory) + " of memory for all its sandboxes");
  if (key.quota.cpu_millis && used.cpu_millis + limits.cpu_millis > *key.quota.cpu_millis)
    return over(std::to_string(*key.quota.cpu_millis) + " thousandths of a processor for all its sandboxes");

  const Promised all = promised_to({});
  if (all.sandboxes >= options_.capacity.sandboxes)
    return Error(Code::kUnavailable,
                 "this host runs " + std::to_string(all.sandboxes) + " sandboxes, as many as it may");
  const Bytes most = options_.capacity.memory;
  if (most.count > 0 && all.memory.count + limits.memory.count > most.count)
    return Error(Code::kUnavailable, "this host has promised its " + format_rounded(most) +
                                         " of memory to sandboxes: end one, ask for less, or try again later");
  return {};
}

/// Asked once more when the sandbox is there, with nothing between the answer and the moment at which kill_all_of()
/// finds it: the key may have been revoked while it was being made.
Result<> Sandboxes::expect_not_revoked(const store::Key& key) const {
  const store::Key now = TRY(store_.keys().get(key.id));
  if (!now.revoked_at) return {};
  return Error(Code::kDenied, "this key was revoked while the sandbox was being made");
}

/// Where libraries lie is not in the policy that clients and the store see, and that snapshots keep.
Result<policy::Policy> Sandboxes::with_libraries(const std::string& template_name, policy::Policy policy) const {
  if (policy.libraries.use.empty()) return policy;
  policy.mounts.push_back(TRY(options_.find_libraries(template_name, policy.libraries.use)));
  return policy;
}

Result<Sandboxes::Plan> Sandboxes::plan(const store::Key& key, const CreateRequest& request) {
  TRY(admit(key, request));
  Plan plan{.root = TRY(options_.find_template(request.template_name, key.id)),
            .policy = TRY(with_libraries(request.template_name, request.policy)),
            .wall = {}};
  plan.wall = TRY(walls_.choose(plan.policy, plan.root, key.runtimes));
  return plan;
}

Result<Foreseen> Sandboxes::foresee(const store::Key& key, const CreateRequest& request) {
  const Plan plan = TRY(this->plan(key, request));
  return Foreseen{.weaknesses = TRY(plan.wall.runtime->admit(plan.policy)),
                  .capabilities = plan.wall.runtime->capabilities()};
}

/// From the pool, or made. To an agent whose channel is given away nobody here has ever spoken.
Task<PreparedCell> Sandboxes::obtain(CellKind kind, const CreateRequest& request, Milliseconds lifetime, Boot& boot) {
  // What the pool makes meanwhile is for those who wait already.
  std::optional<Turn> turn;
  if (!turns_.empty()) {
    turn.emplace(*this);
    CO_TRY_VOID(co_await turn->come());
  }
  while (auto taken = request.gives_channel ? std::nullopt : pools_.take(kind)) {
    // One that died while it waited is found out here, because the kernel's answer is awaited.
    const auto armed = co_await taken->cell->set_lifetime(lifetime);
    if (!armed) continue;
    boot = Boot::kPool;
    co_return *std::move(taken);
  }
  boot = Boot::kCold;
  if (!turn) {
    turn.emplace(*this);
    CO_TRY_VOID(co_await turn->come());
  }
  runtime::CellSpec spec{
      .id = store::make_id(), .policy = request.policy, .lifetime = lifetime, .root = std::move(kind.root)};
  spec.policy.mounts = std::move(kind.policy.mounts);
  if (request.gives_channel) co_return co_await make_cell(*kind.runtime, std::move(spec));
  co_return co_await prepare_cell(*kind.runtime, executor_, std::move(spec));
}

Task<Created> Sandboxes::create(store::Key key, CreateRequest request) {
  CO_TRY(Plan plan, this->plan(key, request));
  const auto start = Steady::now();
  Lifecycle life(clock_(), request.lifespan);
  const Admission admission(*this, key.id, request.policy.limits);
  Created created;
  CellKind kind = kind_of(*plan.wall.runtime, plan.root, plan.policy);
  CO_TRY(auto prepared, co_await obtain(std::move(kind), request, kernel_lifetime(life, clock_()), created.boot));
  SandboxSpec spec{.id = prepared.id,
                   .key_id = key.id,
                   .template_name = std::move(request.template_name),
                   .policy = std::move(request.policy),
                   .lifespan = request.lifespan,
                   .metadata = std::move(request.metadata),
                   .parent_id = std::move(request.parent_id),
                   .snapshot_id = std::move(request.snapshot_id),
                   .fork_tree_id = std::move(request.fork_tree_id),
                   .working_folder = std::move(request.working_folder),
                   .wall_choice = plan.wall.reason,
                   .capabilities = plan.wall.runtime->capabilities()};
  const Bytes memory = spec.policy.limits.memory;
  Interpreters interpreters{.zygote = std::move(prepared.zygote),
                            .may_start = options_.warm_least.count > 0 && memory >= options_.warm_least,
                            .modules = options_.modules_of_template(spec.template_name),
                            .starts = interpreter_starts_};
  auto sandbox = std::make_shared<Sandbox>(std::move(spec), std::move(life), std::move(prepared.cell),
                                           std::move(prepared.session), std::move(interpreters),
                                           std::make_shared<Spool>(spool_, options_.spool), executor_, clock_);
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Steady::now() - start);
  created.duration = std::chrono::duration_cast<Milliseconds>(took);
  const SandboxSpec& of = sandbox->spec();
  CO_TRY_VOID(expect_not_revoked(key));  // its cell's destructor ends it
  auto noted = store_.sandboxes().insert({
      .id = of.id,
      .key_id = of.key_id,
      .template_name = of.template_name,
      .runtime = sandbox->attestation().runtime,
      .boundary = std::string(policy::to_string(sandbox->attestation().boundary)),
      .state = store::SandboxState::kRunning,
      .policy = policy::to_toml(of.policy),
      .metadata = map_of(of.metadata),
      .envs = {},
      .created_at = sandbox->created_at(),
      .deadline = sandbox->life().expires_at(),
      .ttl = of.lifespan.ttl,
      .idle = of.lifespan.idle,
      .last_active_at = sandbox->created_at(),
      .is_persistent = !of.lifespan.ttl,
      .parent_id = or_nothing(of.parent_id),
      .snapshot_id = or_nothing(of.snapshot_id),
      .fork_tree_id = or_nothing(of.fork_tree_id),
      .boot = created.duration,
  });
  if (!noted) co_return std::move(noted).error().context("note the sandbox");  // its cell's destructor ends it
  live_[of.id] = sandbox;
  const std::weak_ptr<Sandbox> weak = sandbox;
  CO_TRY_VOID(sandbox->begin(
      [this, weak](EndReason reason, std::string detail) {
        if (const auto due = weak.lock()) ask_to_end(due, reason, std::move(detail));
      },
      [this](const Sandbox& of_command, const Command& command) { tell_command_end(of_command, command); }));
  on_happening_({.spec = &of,
                 .type = "sandbox.created",
                 .detail = created.boot == Boot::kPool ? "pool" : "cold",
                 .runtime = sandbox->attestation().runtime,
                 .request_id = request.request_id,
                 .duration = took});
  created.sandbox = std::move(sandbox);
  co_return created;
}

Result<std::shared_ptr<Sandbox>> Sandboxes::find(const store::Key& key, std::string_view id) const {
  auto found = find_any(id);
  if (!found || (*found)->spec().key_id == key.id) return found;
  return Error(Code::kNotFound, "no sandbox " + printable(id, 64) + " lives here");
}

Result<std::shared_ptr<Sandbox>> Sandboxes::find_any(std::string_view id) const {
  const auto found = live_.find(id);
  if (found == live_.end() || found->second->life().is_ended())
    return Error(Code::kNotFound, "no sandbox " + printable(id, 64) + " lives here");
  return found->second;
}

std::vector<std::shared_ptr<Sandbox>> Sandboxes::of_key(const store::Key& key) const {
  std::vector<std::shared_ptr<Sandbox>> theirs;
  for (const auto& [id, sandbox] : live_) {
    if (sandbox->spec().key_id == key.id && !sandbox->life().is_ended()) theirs.push_back(sandbox);
  }
  std::ranges::sort(theirs, {}, &Sandbox::created_at);
  return theirs;
}

std::size_t Sandboxes::count(State state) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(live_, [&](const auto& entry) { return entry.second->life().state() == state; }));
}

Task<> Sandboxes::end(std::shared_ptr<Sandbox> sandbox, EndReason reason, std::string detail) {
  const bool is_first = !sandbox->life().is_ended();
  auto ended = co_await sandbox->end(reason, std::move(detail));
  if (is_first && !ended) tell(*sandbox, "sandbox.not_removed", ended.error().message());
  if (is_first) note_end(*sandbox);
  co_return ended;
}

/// A store that cannot be written (a full disk) does not keep a sandbox alive: its end waits until it can be.
void Sandboxes::note_end(const Sandbox& sandbox) {
  const EndReason reason = sandbox.life().end_reason();
  const bool is_first = unnoted_.empty();
  unnoted_.push_back({.id = sandbox.spec().id,
                      .end = {.state = is_failure(reason) ? store::SandboxState::kFailed : store::SandboxState::kKilled,
                              .reason = std::string(to_string(reason)),
                              .detail = sandbox.end_detail()},
                      .at = clock_()});
  if (auto noted = note_waiting(); !noted) {
    tell(sandbox, "store.failed", noted.error().message());
    if (is_first) tasks_.spawn(keep_noting());
  }
  tell(sandbox, "sandbox.ended", to_string(reason));
  live_.erase(sandbox.spec().id);
}

/// In order, until one is refused.
Result<> Sandboxes::note_waiting() {
  while (!unnoted_.empty()) {
    const Unnoted& first = unnoted_.front();
    TRY(store_.sandboxes().end(first.id, first.end, first.at));
    unnoted_.pop_front();
  }
  return {};
}

Task<> Sandboxes::keep_noting() {
  for (Milliseconds pause = kNoteFirst; !unnoted_.empty(); pause = std::min(2 * pause, kNoteMost)) {
    CO_TRY_VOID(co_await sleep(pause));
    (void)note_waiting();
  }
  co_return Result<>();
}

store::Sandbox Sandboxes::with_end(store::Sandbox record) const {
  const auto found = std::ranges::find(unnoted_, record.id, &Unnoted::id);
  if (found == unnoted_.end()) return record;
  record.state = found->end.state;
  record.end_reason = found->end.reason;
  record.end_detail = found->end.detail;
  record.ended_at = found->at;
  return record;
}

void Sandboxes::ask_to_end(const std::shared_ptr<Sandbox>& sandbox, EndReason reason, std::string detail) {
  tasks_.spawn(end(sandbox, reason, std::move(detail)));
}

Task<> Sandboxes::kill(std::shared_ptr<Sandbox> sandbox, std::string detail) {
  ask_to_end(sandbox, EndReason::kKilled, std::move(detail));
  co_return co_await sandbox->gone();
}

Task<> Sandboxes::kill_all_of(std::string key_id, std::string detail) {
  std::vector<std::shared_ptr<Sandbox>> theirs;
  for (const auto& [id, sandbox] : live_) {
    if (sandbox->spec().key_id == key_id) theirs.push_back(sandbox);
  }
  for (const auto& sandbox : theirs) ask_to_end(sandbox, EndReason::kKilled, detail);
  for (const auto& sandbox : theirs) CO_TRY_VOID(co_await sandbox->gone());
  co_return Result<>();
}

Task<> Sandboxes::pause(std::shared_ptr<Sandbox> sandbox) {
  CO_TRY_VOID(co_await sandbox->pause());
  CO_TRY_VOID(store_.sandboxes().set_state(sandbox->spec().id, store::SandboxState::kPaused));
  tell(*sandbox, "sandbox.paused");
  co_return Result<>();
}

Task<> Sandboxes::resume(std::shared_ptr<Sandbox> sandbox) {
  CO_TRY_VOID(co_await sandbox->resume());
  CO_TRY_VOID(store_.sandboxes().set_state(sandbox->spec().id, store::SandboxState::kRunning));
  tell(*sandbox, "sandbox.resumed");
  co_return Result<>();
}

Task<> Sandboxes::change_lifespan(std::shared_ptr<Sandbox> sandbox, LifespanChange change) {
  if (change.ttl) CO_TRY_VOID(expect_ttl(options_, *change.ttl));
  CO_TRY_VOID(co_await sandbox->change_lifespan(change));
  const Lifecycle& life = sandbox->life();
  CO_TRY_VOID(store_.sandboxes().set_lifetime(sandbox->spec().id, life.expires_at(), life.lifespan().ttl,
                                              life.lifespan().idle));
  tell(*sandbox, "sandbox.lifetime");
  co_return Result<>();
}

Task<> Sandboxes::stop() {
  is_stopping_ = true;
  std::vector<std::shared_ptr<Sandbox>> all;
  for (const auto& [id, sandbox] : live_) all.push_back(sandbox);
  for (const auto& sandbox : all) ask_to_end(sandbox, EndReason::kDaemonEnded, {});
  for (const auto& sandbox : all) (void)co_await sandbox->gone();  // end() told of what could not be removed
  (void)note_waiting();                                            // what is not written now is found at the next start
  co_return co_await pools_.stop();
}

void Sandboxes::tell(const Sandbox& sandbox, std::string_view type, std::string_view detail) {
  on_happening_({.spec = &sandbox.spec(), .type = type, .detail = detail, .runtime = sandbox.attestation().runtime});
}

void Sandboxes::tell_command_end(const Sandbox& sandbox, const Command& command) {
  on_happening_({.spec = &sandbox.spec(),
                 .type = "command.ended",
                 .detail = status_of(command.end()->exit),
                 .runtime = sandbox.attestation().runtime,
                 .command = &command,
                 .duration = command.duration()});
}

}  // namespace brig::sandboxes
