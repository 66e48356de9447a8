#include "sandboxes/sandbox.h"

#include <algorithm>
#include <utility>

#include "async/timer.h"
#include "service/run.h"

namespace brig::sandboxes {
namespace {

constexpr Milliseconds kDestroyLimit{10'000};
/// The event loop looks at the wall clock at least that often: it may have been set.
constexpr Milliseconds kWatchMost{60'000};
/// How much later than the event loop the kernel ends a sandbox.
constexpr Milliseconds kKernelSlack{500};
constexpr Milliseconds kIdleSlackMost{30'000};
/// How long a sandbox waits for whoever wants its channel.
constexpr Milliseconds kTakerPatience{30'000};

/// What the end of its sandbox is for a command.
runtime::Cause cause_for_commands(EndReason reason) {
  return reason == EndReason::kExpired || reason == EndReason::kIdle ? runtime::Cause::kExpired
                                                                     : runtime::Cause::kSignalled;
}

/// And what it is for a cell: by its name told from a context that was closed, by the reason an expiry from a kill.
service::ProgramError ended(EndReason reason) {
  std::string sentence = "the sandbox has ended (" + std::string(to_string(reason)) + "), and the context with it";
  if (reason == EndReason::kExpired) sentence += ": its time-to-live was over; give it a longer one (ttl_seconds)";
  if (reason == EndReason::kIdle) sentence += ": nobody used it for its idle time (idle_seconds)";
  return {.name = "SandboxEnded", .value = std::move(sentence), .traceback = {}};
}

}  // namespace

Sandbox::Sandbox(SandboxSpec spec, Lifecycle life, std::unique_ptr<runtime::Cell> cell,
                 std::unique_ptr<guest::Session> session, Interpreters interpreters, std::shared_ptr<Spool> spool,
                 asio::any_io_executor executor, WallClock clock)
    : spec_(std::move(spec)), executor_(std::move(executor)), clock_(std::move(clock)), spool_(std::move(spool)),
      created_at_(life.last_used()), life_(std::move(life)), attestation_(cell->attestation()), cell_(std::move(cell)),
      session_(std::move(session)), interpreters_(std::move(interpreters)), changed_(executor_),
      activity_(std::make_shared<Notifier>(executor_)), gone_(executor_), tasks_(executor_) {
  attestation_.choice = spec_.wall_choice;
  if (!session_) channel_ = cell_->take_channel();
  spool_->on_full([this] { return forget_oldest(); });
}

Sandbox::~Sandbox() {
  spool_->on_full({});
  for (const auto& context : contexts_) context->close();
}

Sandbox::Use::Use(std::shared_ptr<Sandbox> sandbox) : sandbox_(std::move(sandbox)) {
  ++sandbox_->uses_;
  sandbox_->still_used();
}

Sandbox::Use& Sandbox::Use::operator=(Use&& other) noexcept {
  end();
  sandbox_ = std::move(other.sandbox_);
  return *this;
}

void Sandbox::Use::end() {
  if (!sandbox_) return;
  sandbox_->still_used();
  --sandbox_->uses_;
  sandbox_.reset();
}

void Sandbox::still_used() {
  if (uses_ > 0) life_.use(clock_());
}

Result<> Sandbox::begin(OnDue on_due, OnCommandEnd on_command_end) {
  TRY(life_.started());
  on_command_end_ = std::move(on_command_end);
  on_due_ = on_due;
  tasks_.spawn(watch_deadlines(on_due));
  tasks_.spawn(session_ ? watch_guest(std::move(on_due)) : expect_taker());
  return {};
}

Result<> Sandbox::expect_alive() const {
  if (!life_.is_ended()) return {};
  return Error(Code::kNotFound,
               "sandbox " + spec_.id + " has ended (" + std::string(to_string(life_.end_reason())) + ")");
}

Result<guest::Session*> Sandbox::session() {
  TRY(expect_alive());
  if (life_.state() == State::kPaused)
    return Error(Code::kConflict, "sandbox " + spec_.id + " is paused; resume it first");
  if (!session_)
    return Error(Code::kConflict,
                 "sandbox " + spec_.id + " was made for whoever takes its channel, and for nobody else");
  life_.use(clock_());
  return session_.get();
}

Result<Sandbox::Channel> Sandbox::take_channel() {
  TRY(expect_alive());
  if (channel_.is_open()) return Channel(shared_from_this(), std::move(channel_));
  return Error(Code::kConflict, session_ ? "sandbox " + spec_.id + " was not made with \"channel\": true"
                                         : "the channel of sandbox " + spec_.id + " is taken already");
}

Task<> Sandbox::expect_taker() {
  CO_TRY_VOID(co_await sleep(kTakerPatience));
  if (channel_.is_open()) on_due_(EndReason::kIdle, "nobody took its channel");
  co_return Result<>();
}

/// What was said on it is nobody's any more: nobody can go on with the conversation.
void Sandbox::lost_channel(bool is_guest_gone) {
  if (life_.is_ended()) return;
  still_used();
  if (const auto due = life_.due(); due && *due <= clock_()) on_due_(life_.due_reason(), {});
  else if (is_guest_gone) on_due_(EndReason::kGuestLost, "the agent closed its channel");
  else on_due_(EndReason::kKilled, "whoever had its channel is gone");
}

Task<std::shared_ptr<Command>> Sandbox::start(CommandSpec spec, std::optional<std::string> input) {
  const auto self = shared_from_this();
  CO_TRY(auto* session, this->session());
  const auto running = std::ranges::count_if(commands_, [](const auto& command) { return !command->end(); });
  if (static_cast<std::size_t>(running) >= kCommandsMax) {
    co_return Error(Code::kExhausted, "the sandbox runs " + std::to_string(running) +
                                          " commands already, which is as many as it may; end one first");
  }
  auto command = std::make_shared<Command>(std::to_string(next_command_++), std::move(spec), spec_.policy.limits,
                                           spool_, activity_, executor_, clock_());
  CO_TRY_VOID(co_await command->start(*session));
  CO_TRY_VOID(expect_alive());
  commands_.push_back(command);
  activity_->notify();
  forget_old_commands();
  tasks_.spawn(attend(command));
  if (input && !command->end()) tasks_.spawn(command->feed(*std::move(input)));
  co_return command;
}

namespace {

/// Closes a context again unless it is kept.
struct Closing {
  std::shared_ptr<Sandbox> sandbox;
  std::shared_ptr<Context> context;
  bool is_kept = false;

  ~Closing() {
    if (!is_kept) sandbox->close_context(context->spec().id);
  }
};

}  // namespace

ContextSpec usual_context(const service::Language& language, const SandboxSpec& of) {
  ContextSpec spec{.id = {}, .language = &language, .env = usual_environment(of.policy)};
  if (!of.working_folder.empty()) spec.cwd = of.working_folder;
  return spec;
}

/// One of them from now on; nothing is started yet.
Result<std::shared_ptr<Context>> Sandbox::add_context(ContextSpec spec) {
  TRY(session());
  if (contexts_.size() >= kContextsMax) {
    return Error(Code::kExhausted, "the sandbox has " + std::to_string(kContextsMax) +
                                       " contexts already, which is as many as it may; remove one first");
  }
  const std::weak_ptr<Sandbox> weak = shared_from_this();
  auto context = std::make_shared<Context>(
      std::move(spec), spec_.policy.limits,
      [weak]() -> Result<guest::Session*> {
        if (const auto sandbox = weak.lock()) return sandbox->session();
        return Error(Code::kNotFound, "the sandbox is gone");
      },
      [weak]() -> Task<runtime::CellReport> {
        const auto sandbox = weak.lock();
        if (!sandbox) co_return Error(Code::kNotFound, "the sandbox is gone");
        co_return co_await sandbox->figures();
      },
      warmth(), held_by_contexts_, executor_);
  contexts_.push_back(context);
  return context;
}

Result<std::shared_ptr<Context>> Sandbox::default_context(ContextSpec spec) {
  spec.id = spec.language->name;
  if (auto known = find_context(spec.id)) return known;
  auto context = TRY(add_context(std::move(spec)));
  context->begin();
  return context;
}

Task<std::shared_ptr<Context>> Sandbox::open_context(ContextSpec spec) {
  const auto self = shared_from_this();
  spec.id = std::to_string(next_context_++);
  CO_TRY(const auto context, add_context(std::move(spec)));
  // Whoever asks goes away, and it is closed.
  Closing closing{.sandbox = self, .context = context};
  auto opened = co_await context->open();
  if (!opened) co_return std::move(opened).error();
  CO_TRY_VOID(expect_alive());
  closing.is_kept = true;
  co_return context;
}

Context::Warmth Sandbox::warmth() {
  const std::weak_ptr<Sandbox> weak = weak_from_this();
  return {.find = [weak](const ContextSpec& spec) -> std::shared_ptr<Zygote> {
            const auto sandbox = weak.lock();
            if (!sandbox) return {};
            const std::shared_ptr<Zygote>& zygote = sandbox->interpreters_.zygote;
            return zygote && zygote->is_ready() && zygote->suits(*spec.language, spec.env) ? zygote : nullptr;
          },
          .give_up =
              [weak](const std::shared_ptr<Zygote>& zygote) {
                const auto sandbox = weak.lock();
                if (sandbox && sandbox->interpreters_.zygote == zygote) sandbox->interpreters_.zygote.reset();
              },
          .started =
              [weak](const ContextSpec& spec, std::uint64_t InterpreterStarts::* how) {
                const auto sandbox = weak.lock();
                if (!sandbox) return;
                ++((*sandbox->interpreters_.starts).*how);
                if (how != &InterpreterStarts::forked) sandbox->warm_up(spec);
              }};
}

/// For the next context, which is likely to be as this one.
void Sandbox::warm_up(const ContextSpec& like) {
  std::shared_ptr<Zygote>& zygote = interpreters_.zygote;
  const bool is_unsuited =
      zygote && zygote->is_ready() && !zygote->was_used && !zygote->suits(*like.language, like.env);
  const bool is_of_no_use = zygote && (zygote->is_over() || is_unsuited);
  if (life_.is_ended() || !interpreters_.may_start || (zygote && !is_of_no_use)) return;
  if (!service::zygote_of(*like.language, {})) return;
  zygote = std::make_shared<Zygote>(*like.language,
                                    ZygoteSpec{.environment = like.env, .modules = interpreters_.modules}, executor_);
  tasks_.spawn(start_zygote(zygote));
}

Task<> Sandbox::start_zygote(std::shared_ptr<Zygote> zygote) {
  const auto self = shared_from_this();
  const std::weak_ptr<Sandbox> weak = self;
  // Not session(): this is no use of the sandbox, and keeps it from no idle end.
  auto started = co_await zygote->start([weak]() -> Result<guest::Session*> {
    const auto sandbox = weak.lock();
    if (!sandbox || sandbox->life_.is_ended()) return Error(Code::kNotFound, "the sandbox is gone");
    return sandbox->session_.get();
  });
  if (started) co_return Result<>();
  if (interpreters_.zygote == zygote) interpreters_.zygote.reset();
  interpreters_.may_start = false;  // what failed here fails again
  co_return Result<>();
}

std::shared_ptr<Context> Sandbox::find_context(std::string_view id) const {
  const auto found =
      std::ranges::find(contexts_, id, [](const auto& one) -> const std::string& { return one->spec().id; });
  return found == contexts_.end() ? nullptr : *found;
}

bool Sandbox::close_context(std::string_view id) {
  const auto context = find_context(id);
  if (!context) return false;
  std::erase(contexts_, context);
  context->close();
  return true;
}

Task<> Sandbox::attend(std::shared_ptr<Command> command) {
  const auto self = shared_from_this();
  const Use in_foreground = command->spec().is_background ? Use() : use();
  auto ran = co_await command->run([self] { return self->figures(); });
  forget_old_commands();
  // Of those that end with the sandbox, end() tells.
  if (command->end() && !life_.is_ended()) on_command_end_(*this, *command);
  co_return ran;
}

void Sandbox::forget_old_commands() {
  std::size_t count = 0;
  std::size_t bytes = 0;
  for (std::size_t at = commands_.size(); at-- > 0;) {
    const Command& command = *commands_[at];
    if (!command.end()) continue;
    bytes += command.in_memory();
    if (++count == 1 || (count <= kEndedCommandsMax && bytes <= kEndedBytesMax)) continue;
    commands_.erase(commands_.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

/// Whether there was one that has ended.
bool Sandbox::forget_oldest() {
  const auto oldest = std::ranges::find_if(commands_, [](const auto& command) { return command->end().has_value(); });
  if (oldest == commands_.end()) return false;
  commands_.erase(oldest);
  return true;
}

std::shared_ptr<Command> Sandbox::find_command(std::string_view id) const {
  const auto found = std::ranges::find_if(commands_, [&](const auto& command) { return command->id() == id; });
  return found == commands_.end() ? nullptr : *found;
}

std::vector<std::shared_ptr<Command>> Sandbox::commands() const { return commands_; }

Task<> Sandbox::activity() {
  const auto self = shared_from_this();
  co_return co_await activity_->wait();
}

/// What was counted since the last time: it belongs to the command that ends now, or to one that runs beside it.
Task<runtime::CellReport> Sandbox::figures() {
  CO_TRY_VOID(expect_alive());
  CO_TRY(const runtime::CellReport now, co_await cell_->stats());
  runtime::CellReport since;
  since.memory_kills = now.memory_kills - std::min(now.memory_kills, known_.memory_kills);
  since.pids_refusals = now.pids_refusals - std::min(now.pids_refusals, known_.pids_refusals);
  known_ = now;
  co_return since;
}

Task<runtime::CellReport> Sandbox::stats() {
  const auto self = shared_from_this();
  CO_TRY_VOID(expect_alive());
  co_return co_await cell_->stats();
}

Task<> Sandbox::pause() {
  const auto self = shared_from_this();
  CO_TRY_VOID(expect_alive());
  CO_TRY_VOID(life_.pause());
  auto paused = co_await cell_->pause();
  if (!paused && !life_.is_ended()) (void)life_.resume(clock_());
  changed_.notify();
  co_return paused;
}

Task<> Sandbox::halted() {
  const auto self = shared_from_this();
  while (life_.state() == State::kRunning) CO_TRY_VOID(co_await changed_.wait());
  co_return Result<>();
}

Task<> Sandbox::resume() {
  const auto self = shared_from_this();
  CO_TRY_VOID(expect_alive());
  if (life_.state() != State::kPaused) co_return life_.resume(clock_());  // says why not
  CO_TRY_VOID(co_await cell_->resume());
  CO_TRY_VOID(expect_alive());
  co_return life_.resume(clock_());
}

Milliseconds kernel_lifetime(const Lifecycle& life, WallTime now) {
  const auto due = life.due();
  if (!due) return Milliseconds{0};
  // The idle end moves with each use, of which the kernel hears a little later.
  const Milliseconds slack = life.due_reason() == EndReason::kIdle
                                 ? std::clamp(*life.lifespan().idle / 4, kKernelSlack, kIdleSlackMost)
                                 : kKernelSlack;
  return std::max(Milliseconds{1}, *due - now) + slack;
}

Task<> Sandbox::change_lifespan(LifespanChange change) {
  const auto self = shared_from_this();
  CO_TRY_VOID(expect_alive());
  still_used();
  CO_TRY_VOID(life_.change_lifespan(clock_(), change));
  changed_.notify();
  co_return co_await cell_->set_lifetime(kernel_lifetime(life_, clock_()));
}

Task<> Sandbox::watch_deadlines(OnDue on_due) {
  using namespace asio::experimental::awaitable_operators;
  std::optional<WallTime> told = life_.due();  // to the kernel
  while (true) {
    const WallTime now = clock_();
    // Late, so that the kernel hears of it once in an idle time and not with each use; but it does hear, so that it
    // also ends one whose user hangs together with us.
    if (const auto end = life_.due(); end && *end <= now) still_used();
    const auto due = life_.due();
    if (due && *due <= now) {
      on_due(life_.due_reason(), {});
      co_return Result<>();
    }
    if (due != told) {
      CO_TRY_VOID(co_await cell_->set_lifetime(kernel_lifetime(life_, now)));
      told = due;
      continue;
    }
    auto woken = co_await (sleep(due ? std::min(kWatchMost, *due - now) : kWatchMost) || changed_.wait());
    if (woken.index() == 0) CO_TRY_VOID(std::get<0>(woken));
    else CO_TRY_VOID(std::get<1>(woken));
  }
}

Task<> Sandbox::watch_guest(OnDue on_due) {
  auto over = co_await session_->closed();
  if (over || over.error().code() == Code::kCancelled) co_return Result<>();
  still_used();
  // The kernel may have been quicker than the event loop: then the deadline is the truer reason.
  if (const auto due = life_.due(); due && *due <= clock_()) on_due(life_.due_reason(), {});
  else on_due(EndReason::kGuestLost, over.error().message());
  co_return Result<>();
}

Task<> Sandbox::end(EndReason reason, std::string detail) {
  const auto self = shared_from_this();
  if (!life_.end(reason)) co_return co_await gone();
  end_detail_ = std::move(detail);
  changed_.notify();
  activity_->notify();
  tasks_.cancel();
  for (const auto& command : commands_) {
    if (command->end()) continue;
    command->abandon(cause_for_commands(reason), "the sandbox ended: " + std::string(to_string(reason)));
    on_command_end_(*this, *command);
  }
  for (const auto& context : std::exchange(contexts_, {})) context->close(ended(reason));
  interpreters_.zygote.reset();
  auto destroyed = co_await with_timeout(kDestroyLimit, cell_->destroy(), "removing the sandbox");
  session_.reset();
  cell_.reset();
  destroyed_ = destroyed ? Result<>() : Result<>(std::move(destroyed).error());
  gone_.notify();
  co_return *destroyed_;
}

Task<> Sandbox::gone() {
  const auto self = shared_from_this();
  while (!destroyed_) CO_TRY_VOID(co_await gone_.wait());
  co_return *destroyed_;
}

}  // namespace brig::sandboxes
