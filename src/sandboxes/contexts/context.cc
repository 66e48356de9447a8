#include "sandboxes/contexts/context.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "async/timer.h"
#include "base/text.h"
#include "runtime/ending.h"
#include "runtime/exit.h"
#include "service/hints.h"
#include "service/results.h"

namespace brig::sandboxes {
namespace {

using Clock = std::chrono::steady_clock;

/// How long an interpreter may take until it reads requests, or to take one.
constexpr Milliseconds kReadyLimit{20'000};
constexpr Milliseconds kRequestLimit{20'000};
/// How long a zygote may take to become one: a hundred times what it takes. Then one is started from nothing.
constexpr Milliseconds kForkLimit{2'000};
/// How much later than the kernel itself the host interrupts a cell whose time is up.
constexpr Milliseconds kSlack{500};
/// How long an interrupted cell may take to end before its kernel is killed, and the kernel then. One that had not
/// begun yet does not hear of the first interrupt.
constexpr Milliseconds kInterruptLimit{3'000};
constexpr Milliseconds kInterruptAgain{250};
constexpr Milliseconds kKillLimit{2'000};

Milliseconds until(Clock::time_point moment) {
  return std::max(Milliseconds{0}, std::chrono::duration_cast<Milliseconds>(moment - Clock::now()));
}

/// So many things are kept for a caller in the order in which they came; then output is joined to what there is.
constexpr std::size_t kEventsMax = 1'024;

/// Of each text of an error.
constexpr std::size_t kErrorTextMax = std::size_t{256} << 10;
/// Of a cell that has written service::kResultReadMax of events only lines up to here are read.
constexpr std::size_t kShortLine = std::size_t{4} << 10;

std::size_t size_of(const service::RichResult& result) {
  std::size_t bytes = 0;
  for (const auto& [mime, form] : result.forms) bytes += mime.size() + form.size();
  return bytes;
}

/// "it was ended by signal 11", "it ended with memory_limit: the sandbox has 256M; …"
std::string in_words(const runtime::Exit& exit, const policy::Limits& limits) {
  switch (exit.cause) {
    case runtime::Cause::kMemoryLimit:
      return "it ended with memory_limit: the sandbox has " + format(limits.memory) +
             " (limits.memory); hold less at once, or make a sandbox with more";
    case runtime::Cause::kExited: return "it ended with exit code " + std::to_string(exit.value);
    case runtime::Cause::kSignalled: return "it was ended by signal " + std::to_string(exit.value);
    default: return "it ended with " + std::string(runtime::status_of(exit));
  }
}

}  // namespace

/// One interpreter, and what came of it that is not a whole line yet. Its credit is its own: what another one's output
/// was worth is nothing to it.
struct Context::Kernel final : guest::OutputSink {
  Kernel(std::weak_ptr<Context> owner, std::shared_ptr<std::size_t> counter)
      : context(std::move(owner)), held(std::move(counter)) {}
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  ~Kernel() override { count(0); }

  void on_output(guest::Stream stream, std::span<const std::byte> bytes) override {
    seen += bytes.size();
    const auto owner = context.lock();
    if (owner && owner->kernel_.get() == this) owner->take_output(*this, stream, bytes);
    else consumed(bytes.size());
  }
  void consumed(std::size_t bytes) {
    if (end) return;
    if (process) process->consumed(bytes);
    else owed += bytes;
  }
  /// What it holds of a line now.
  void count(std::size_t bytes) {
    *held = *held - counted + bytes;
    counted = bytes;
  }

  std::weak_ptr<Context> context;
  std::shared_ptr<std::size_t> held;  ///< bytes, of all contexts of the sandbox
  std::size_t counted = 0;            ///< of them this one's
  std::uint64_t seen = 0;
  std::size_t owed = 0;  ///< credit that could not be given before there was a process
  service::Lines lines;
  bool is_ready = false;
  std::optional<Result<guest::ProcessEnd>> end;
  std::shared_ptr<guest::Process> process;  ///< goes first: it speaks to us
};

/// A cell that waits or runs, and what its caller has not heard yet.
struct Context::Waiting {
  Waiting(service::Cell text, std::int64_t number, std::shared_ptr<std::size_t> counter,
          const asio::any_io_executor& executor)
      : cell(std::move(text)), id(number), held(std::move(counter)), changed(executor) {
    *held += cell.code.size();
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() {
    for (const CellEvent& event : events) let_go(event);
    forget_code();
  }

  void tell(CellEvent event) {
    if (is_over) return;
    is_over = event.kind == CellEvent::Kind::kEnd;
    if (is_over) {
      event.end.count = count;
      event.end.dropped = dropped;
    }
    events.push_back(std::move(event));
    changed.notify();
  }
  void print(CellEvent::Kind kind, std::string_view text) {
    const bool is_crowded = events.size() >= kEventsMax;
    for (auto at = events.rbegin(); at != events.rend(); ++at) {
      if (at->kind == kind) {
        at->text += text;
        return;
      }
      if (!is_crowded) break;
    }
    tell({.kind = kind, .text = std::string(text)});
  }
  void finish(std::string status, std::optional<int> exit_code = {}) {
    tell({.end = {.status = std::move(status), .exit_code = exit_code}});
  }
  void fail(service::ProgramError error) {
    if (has_failed) return;  // once a cell
    has_failed = true;
    for (std::string* text : {&error.name, &error.value, &error.traceback}) {
      if (text->size() > kErrorTextMax) *text = text->substr(0, kErrorTextMax);
    }
    tell({.kind = CellEvent::Kind::kError, .error = std::move(error)});
  }
  void show(service::KernelEvent event) {
    const std::size_t bytes = size_of(event.result);
    if (results + 1 > kHeldResultsMax || *held + bytes > kHeldBytesMax) {
      ++dropped;
      return;
    }
    ++results;
    *held += bytes;
    tell({.kind = CellEvent::Kind::kResult, .result = std::move(event.result), .is_main = event.is_main});
  }
  /// The caller has it, or is gone.
  void let_go(const CellEvent& event) {
    if (!event.text.empty() && kernel) kernel->consumed(event.text.size());
    if (event.kind != CellEvent::Kind::kResult) return;
    --results;
    *held -= size_of(event.result);
  }
  void forget_code() {
    *held -= cell.code.size();
    cell.code = {};
  }

  service::Cell cell;
  std::int64_t id;
  std::int64_t count = 0;
  std::deque<CellEvent> events;
  std::size_t results = 0;            ///< in `events`
  std::shared_ptr<std::size_t> held;  ///< bytes, of all contexts of the sandbox
  std::shared_ptr<Kernel> kernel;     ///< whose output it has
  std::uint64_t read = 0;             ///< bytes of events
  std::uint64_t dropped = 0;
  bool has_failed = false;    ///< kError was told
  bool is_over = false;       ///< kEnd was told
  bool is_abandoned = false;  ///< nobody listens
  Notifier changed;
};

Context::Run::Run(std::shared_ptr<Context> context, std::shared_ptr<Waiting> cell)
    : context_(std::move(context)), cell_(std::move(cell)) {}

Context::Run::~Run() {
  cell_->is_abandoned = true;
  for (const CellEvent& event : std::exchange(cell_->events, {})) cell_->let_go(event);
  context_->changed_.notify();
}

std::int64_t Context::Run::count() const { return cell_->count; }

Task<> Context::Run::heard() {
  const auto cell = cell_;
  while (cell->events.empty()) CO_TRY_VOID(co_await cell->changed.wait());
  co_return Result<>();
}

Task<CellEvent> Context::Run::next() {
  const auto cell = cell_;
  CO_TRY_VOID(co_await heard());
  CellEvent event = std::move(cell->events.front());
  cell->events.pop_front();
  cell->let_go(event);
  co_return event;
}

Context::Context(ContextSpec spec, policy::Limits limits, Agent agent, Figures figures, Warmth warmth,
                 std::shared_ptr<std::size_t> held, asio::any_io_executor executor)
    : spec_(std::move(spec)), limits_(limits), agent_(std::move(agent)), figures_(std::move(figures)),
      warmth_(std::move(warmth)), held_(std::move(held)), executor_(executor), changed_(executor),
      tasks_(std::move(executor)) {}

Task<> Context::open() {
  const auto self = shared_from_this();
  CO_TRY_VOID(co_await launch());
  if (is_closed_) co_return Error(Code::kConflict, "the context was closed while it was made");
  tasks_.spawn(serve());
  co_return Result<>();
}

void Context::begin() { tasks_.spawn(serve()); }

Result<std::unique_ptr<Context::Run>> Context::run(service::Cell cell) {
  if (is_closed_) return Error(Code::kNotFound, "the context is closed");
  if (queue_.size() >= kCellsMax)
    return Error(Code::kExhausted, std::to_string(queue_.size()) + " cells wait already: wait for one of them");
  if (*held_ + cell.code.size() > kHeldBytesMax)
    return Error(Code::kExhausted,
                 "the sandbox's cells hold " + format_rounded(Bytes{*held_}) + " that wait to be run or taken");
  TRY(service::check_cell(cell));
  auto waiting = std::make_shared<Waiting>(std::move(cell), next_cell_++, held_, executor_);
  queue_.push_back(waiting);
  changed_.notify();
  return std::make_unique<Run>(shared_from_this(), std::move(waiting));
}

void Context::interrupt() {
  is_interrupted_ = current_ != nullptr;
  changed_.notify();
}

void Context::restart() {
  if (current_ && is_running()) (void)kernel_->process->signal(SIGKILL);
  if (!current_) forget_kernel();
}

service::ProgramError Context::closed() {
  return {.name = "ContextClosed", .value = "the context was closed", .traceback = {}};
}

void Context::close(service::ProgramError why) {
  if (is_closed_) return;
  is_closed_ = true;
  tasks_.cancel();
  forget_kernel();  // and with it its process group
  if (current_) queue_.push_front(std::exchange(current_, {}));
  for (const auto& waiting : std::exchange(queue_, {})) {
    waiting->fail(why);
    waiting->finish("died");
  }
  changed_.notify();
}

bool Context::is_running() const { return kernel_ && kernel_->process && !kernel_->end; }

void Context::forget_kernel() {
  if (is_running()) (void)kernel_->process->signal(SIGKILL);
  kernel_.reset();
}

namespace {

Error closed_meanwhile() { return {Code::kConflict, "the context was closed while it was made"}; }

}  // namespace

Task<> Context::launch() {
  const auto self = shared_from_this();
  forget_kernel();
  const std::shared_ptr<Zygote> zygote = warmth_.find ? warmth_.find(spec_) : nullptr;
  if (zygote) {
    CO_TRY(const bool is_forked, co_await fork_kernel(zygote));
    if (is_forked) {
      if (warmth_.started) warmth_.started(spec_, &InterpreterStarts::forked);
      co_return Result<>();
    }
  }
  CO_TRY_VOID(co_await launch_cold());
  if (warmth_.started) warmth_.started(spec_, zygote ? &InterpreterStarts::fallback : &InterpreterStarts::cold);
  co_return Result<>();
}

/// False: a kernel has to be started from nothing.
Task<bool> Context::fork_kernel(std::shared_ptr<Zygote> zygote) {
  const auto self = shared_from_this();
  zygote->was_used = true;
  CO_TRY(const service::Launch launch, service::kernel_of(*spec_.language, limits_.memory));
  auto begun = co_await start_kernel(launch.argv, zygote->channel(), kForkLimit);
  if (begun) co_return true;
  if (is_closed_ || begun.error().code() == Code::kCancelled) co_return std::move(begun).error();
  forget_kernel();
  // In that folder python would have imported something else: of that, the next context is not to blame.
  static constexpr std::array kOfTheFolder{EBUSY, ENOENT, ENOTDIR, EACCES, ELOOP, ENAMETOOLONG};
  if (std::ranges::find(kOfTheFolder, begun.error().os_error()) == kOfTheFolder.end() && warmth_.give_up)
    warmth_.give_up(zygote);
  co_return false;
}

Task<> Context::launch_cold() {
  const auto self = shared_from_this();
  CO_TRY(const service::Launch launch, service::kernel_of(*spec_.language, limits_.memory));
  CO_TRY_VOID(co_await put_files(agent_, launch));
  auto begun = co_await start_kernel(launch.argv, 0, kReadyLimit);
  if (!begun && begun.error().os_error() == ENOENT)
    co_return Error(Code::kNotFound, service::missing_interpreter(*spec_.language) + service::or_no_folder(spec_.cwd));
  co_return begun;
}

/// Until it is ready.
Task<> Context::start_kernel(std::vector<std::string> argv, std::uint32_t zygote, Milliseconds limit) {
  const auto self = shared_from_this();
  CO_TRY(guest::Session * agent, agent_());
  const auto kernel = std::make_shared<Kernel>(weak_from_this(), held_);
  auto starting = agent->exec({.argv = std::move(argv),
                               .env = spec_.env,
                               .cwd = spec_.cwd,
                               .has_stdin = true,
                               .wants_results = true,
                               .zygote = zygote,
                               .credit = guest::Credit::kManual},
                              *kernel);
  kernel_ = kernel;
  CO_TRY(kernel->process, co_await with_timeout(limit, std::move(starting), "starting the interpreter"));
  if (is_closed_) co_return closed_meanwhile();
  kernel->consumed(std::exchange(kernel->owed, 0));
  tasks_.spawn(watch(kernel));
  const auto give_up = Clock::now() + limit;
  while (!is_closed_ && !kernel->is_ready && !kernel->end && until(give_up).count() > 0) {
    using namespace asio::experimental::awaitable_operators;
    (void)co_await (changed_.wait() || sleep(until(give_up)));
  }
  if (is_closed_) co_return closed_meanwhile();
  if (kernel->is_ready) co_return Result<>();
  forget_kernel();
  co_return Error(Code::kUnavailable, "the interpreter did not get ready");
}

/// Hears of the kernel's end.
Task<> Context::watch(std::shared_ptr<Kernel> kernel) {
  const auto self = shared_from_this();
  const std::shared_ptr<guest::Process> process = kernel->process;
  kernel->end = co_await process->wait();
  changed_.notify();
  co_return Result<>();
}

Task<> Context::serve() {
  const auto self = shared_from_this();
  while (!is_closed_) {
    if (queue_.empty()) {
      CO_TRY_VOID(co_await changed_.wait());
      continue;
    }
    current_ = std::move(queue_.front());
    queue_.pop_front();
    is_interrupted_ = false;
    const auto performed = current_->is_abandoned ? Result<>() : co_await perform(current_);
    if (!performed && performed.error().code() == Code::kCancelled) co_return performed;
    if (current_) current_->finish("died");  // says nothing to whoever has heard the end
    current_.reset();
  }
  co_return Result<>();
}

Task<> Context::perform(std::shared_ptr<Waiting> cell) {
  const auto self = shared_from_this();
  if (!is_running()) {
    auto launched = co_await launch();
    if (!launched) {
      if (launched.error().code() == Code::kCancelled) co_return launched;
      const bool is_missing = launched.error().code() == Code::kNotFound;
      cell->fail({.name = is_missing ? "LanguageNotAvailable" : "KernelNotStarted",
                  .value = launched.error().message(),
                  .traceback = {}});
      cell->finish("died");
      co_return Result<>();
    }
  }
  cell->kernel = kernel_;
  CO_TRY(const std::string request, service::run_request(cell->id, cell->cell));
  cell->forget_code();
  const std::shared_ptr<guest::Process> process = kernel_->process;
  auto asked = co_await with_timeout(kRequestLimit, process->write_stdin(std::as_bytes(std::span(request))),
                                     "the interpreter's taking of the cell");
  if (!asked && asked.error().code() == Code::kCancelled) co_return asked;
  if (!asked) (void)process->signal(SIGKILL);
  CO_TRY_VOID(co_await settle(cell));
  if (cell->is_over) co_return Result<>();
  co_return co_await mourn(cell);
}

/// Until the cell is over, or the kernel is gone or killed.
Task<> Context::settle(std::shared_ptr<Waiting> cell) {
  using namespace asio::experimental::awaitable_operators;
  constexpr auto kNever = Clock::time_point::max();
  auto due = cell->cell.timeout ? Clock::now() + *cell->cell.timeout + kSlack : kNever;
  auto give_up = kNever;  // of interrupting
  while (!cell->is_over && !cell->kernel->end) {
    const bool is_unwanted = cell->is_abandoned || is_interrupted_;
    if (give_up == kNever && is_unwanted) due = Clock::now();
    if (due != kNever && until(due).count() == 0) {
      if (const auto agent = agent_(); !agent && agent.error().code() == Code::kConflict) {
        // Paused: it hears nothing, and is not to be killed for that.
        give_up = kNever;
        (void)co_await (changed_.wait() || sleep(kInterruptAgain));
        continue;
      }
      if (give_up == kNever) give_up = Clock::now() + kInterruptLimit;
      const bool is_stubborn = until(give_up).count() == 0;
      (void)cell->kernel->process->signal(is_stubborn ? SIGKILL : SIGINT);
      if (is_stubborn) co_return co_await expect_end(cell->kernel);
      due = Clock::now() + kInterruptAgain;
    }
    if (due == kNever) CO_TRY_VOID(co_await changed_.wait());
    else (void)co_await (changed_.wait() || sleep(until(due)));
  }
  co_return Result<>();
}

/// Of a kernel that was killed.
Task<> Context::expect_end(std::shared_ptr<Kernel> kernel) {
  using namespace asio::experimental::awaitable_operators;
  const auto give_up = Clock::now() + kKillLimit;
  while (!kernel->end && until(give_up).count() > 0) (void)co_await (changed_.wait() || sleep(until(give_up)));
  co_return Result<>();
}

/// The kernel is gone with the cell.
Task<> Context::mourn(std::shared_ptr<Waiting> cell) {
  const auto self = shared_from_this();
  runtime::Observed observed;
  const std::shared_ptr<Kernel> kernel = cell->kernel;
  if (kernel->end && *kernel->end) {
    observed.word = runtime::word_of(**kernel->end);
    (void)co_await runtime::drain(kernel->process, kernel->seen);
  } else {
    observed.act = runtime::HostAct::kChannelLost;
  }
  if (auto report = co_await figures_()) observed.cell = *report;
  const runtime::Verdict verdict = judge(observed, limits_);
  if (kernel_ == kernel) forget_kernel();
  if (cell->is_over) co_return Result<>();  // its end was among what came last
  cell->fail({.name = "KernelDied",
              .value = "the interpreter is gone (" + in_words(verdict.exit, limits_) +
                       "), and its state with it: the next cell begins anew",
              .traceback = {}});
  cell->finish("died");
  co_return Result<>();
}

void Context::take_output(Kernel& from, guest::Stream stream, std::span<const std::byte> bytes) {
  const bool is_awaited = current_ && current_->kernel.get() == &from && !current_->is_over;
  if (stream == guest::Stream::kResults) {
    from.consumed(bytes.size());
    // What comes between cells is nobody's, and is not looked at.
    if (is_awaited || !from.is_ready) read_events(from, bytes);
    return;
  }
  if (!is_awaited || current_->is_abandoned) {
    from.consumed(bytes.size());
    return;
  }
  current_->print(stream == guest::Stream::kErr ? CellEvent::Kind::kErr : CellEvent::Kind::kOut,
                  {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

/// A line that is not whole yet counts in what the sandbox's contexts may hold; a short one, as an end is, is read in
/// any case.
void Context::read_events(Kernel& from, std::span<const std::byte> bytes) {
  if (from.lines.held() > kShortLine && *held_ + bytes.size() > kHeldBytesMax) {
    from.lines.skip();
    if (current_) ++current_->dropped;
  }
  from.lines.append(bytes, [&](std::string_view line) {
    from.count(0);  // what comes of it counts by itself
    take_event(from, line);
  });
  from.count(from.lines.held());
}

void Context::take_event(Kernel& from, std::string_view line) {
  if (current_) {
    current_->read += line.size();
    if (current_->read > service::kResultReadMax && line.size() > kShortLine) {
      ++current_->dropped;  // an end is short, and still heard
      return;
    }
  }
  using Type = service::KernelEvent::Type;
  auto event = service::parse_kernel_event(line);
  if (!event) return;
  if (event->type == Type::kReady) {
    from.is_ready = true;
    changed_.notify();
    return;
  }
  if (!current_ || event->id != current_->id) return;
  switch (event->type) {
    case Type::kReady: break;
    case Type::kBegin: current_->count = event->count; break;
    case Type::kResult: current_->show(*std::move(event)); break;
    case Type::kError: current_->fail(std::move(event->error)); break;
    case Type::kEnd:
      current_->finish(event->status, event->exit_code);
      changed_.notify();
      break;
  }
}

}  // namespace brig::sandboxes
