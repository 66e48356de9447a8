#include "service/run.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <utility>

#include "async/notifier.h"
#include "async/task_group.h"
#include "async/timer.h"
#include "base/base64.h"
#include "base/text.h"
#include "policy/processors.h"
#include "runtime/ending.h"
#include "runtime/judge.h"
#include "runtime/walls.h"
#include "service/copies.h"
#include "service/input.h"

namespace brig::service {
namespace {

using Clock = std::chrono::steady_clock;
using runtime::HostAct;

constexpr Milliseconds kStartLimit{10'000};    ///< to create a sandbox, and to start a program in it
constexpr Milliseconds kCollectLimit{30'000};  ///< to list and bring out files
constexpr Milliseconds kDestroyLimit{10'000};
/// How much longer than the command's time limit the kernel lets the sandbox live: the host's own timer comes first,
/// and there is time to bring files out.
constexpr Milliseconds kLifetimeSlack{10'000};
constexpr std::size_t kInputChunk = std::size_t{64} << 10;

Milliseconds since(Clock::time_point start) { return std::chrono::duration_cast<Milliseconds>(Clock::now() - start); }

/// What an error of the session means if it is the guest's doing; none if it is ours.
std::optional<HostAct> guests_doing(const Error& error) {
  if (error.os_error() != 0) return {};
  if (error.code() == Code::kInternal) return HostAct::kProtocolBroken;
  if (error.code() == Code::kUnavailable) return HostAct::kChannelLost;
  return {};
}

/// The host's input into the program until either has enough. Owns all it touches: it may outlive the run for a moment.
Task<> pump(std::shared_ptr<guest::Process> process, HostInput input) {
  std::vector<std::byte> buffer(kInputChunk);
  for (;;) {
    CO_TRY(const std::size_t count, co_await input.read_some(buffer));
    if (count == 0) co_return process->close_stdin();
    CO_TRY_VOID(co_await process->write_stdin(std::span(buffer).first(count)));
  }
}

Task<> finish_all(std::vector<Task<>> writes) {
  for (Task<>& write : writes) {
    auto written = co_await std::move(write);
    if (!written) co_return std::move(written).error().context("write the program into the sandbox");
  }
  co_return Result<>();
}

class Run final : public guest::OutputSink {
 public:
  Run(const asio::any_io_executor& executor, TaskSpec spec, RunObserver& observer)
      : executor_(executor), over_(executor), spec_(std::move(spec)), observer_(observer),
        report_{.out = Capture(spec_.policy.limits.output), .err = Capture(spec_.policy.limits.output)} {}

  Task<RunReport> go(runtime::Runtime& runtime);

  void on_output(guest::Stream stream, std::span<const std::byte> bytes) override;

 private:
  Task<> live(runtime::Cell& cell);
  Task<> start(guest::Session& session);
  Task<> start_with_copies(guest::Session& session);
  Task<> start_after(std::vector<Task<>> writes, guest::Session& session);
  Task<> finish_start(std::vector<Task<>> writes, Task<std::unique_ptr<guest::Process>> starting);
  Task<std::unique_ptr<guest::Process>> exec(guest::Session& session);
  Task<> watch();
  Task<> collect(guest::Session& session);
  Result<> save_figures();
  bool could_not_start(const Error& error);
  Error explained(Error error) const;
  [[nodiscard]] std::optional<std::vector<std::string>> inputs() const;

  asio::any_io_executor executor_;
  Notifier over_;  ///< output_total is exceeded
  TaskSpec spec_;
  RunObserver& observer_;
  Launch launch_;
  Copies copies_;
  std::optional<OutFolder> folder_;
  std::unique_ptr<guest::Session>
      session_;  ///< until the cell is destroyed: an agent without it would end by itself meanwhile
  std::shared_ptr<guest::Process> process_;
  Clock::time_point started_;
  std::uint64_t printed_ = 0;  ///< stdout and stderr
  std::uint64_t seen_ = 0;     ///< and results
  runtime::Observed observed_;
  RunReport report_;
};

void Run::on_output(guest::Stream stream, std::span<const std::byte> bytes) {
  if (observed_.act == HostAct::kOutputTotal) return;
  seen_ += bytes.size();
  if (stream == guest::Stream::kResults) {
    report_.results.append(bytes);
  } else {
    printed_ += bytes.size();
    Capture& capture = stream == guest::Stream::kErr ? report_.err : report_.out;
    const std::size_t live = capture.append(bytes);
    if (live > 0) observer_.on_head(stream, bytes.first(live));
  }
  // Results cost the host as well: as many are free as it would keep.
  const std::uint64_t total = spec_.policy.limits.output_total.count;
  if (printed_ > total || seen_ - std::min<std::uint64_t>(seen_ - printed_, kResultBytesMax) > total) {
    observed_.act = HostAct::kOutputTotal;
    over_.notify();
  }
}

Task<RunReport> Run::go(runtime::Runtime& runtime) {
  if (const auto* script = std::get_if<Script>(&spec_.program)) {
    CO_TRY(launch_, launch_of(*script));
  } else {
    launch_.argv = std::get<Command>(spec_.program).argv;
  }
  if (spec_.out) {
    CO_TRY(folder_, OutFolder::open(*spec_.out).context("--out"));
  }
  policy::Policy enforced = runtime::asked_of(runtime, spec_.policy);
  if (enforced.mounts != spec_.policy.mounts) {
    CO_TRY(copies_, Copies::open(spec_.policy.mounts));
  }
  CO_TRY_VOID(runtime.admit(enforced));
  runtime::CellSpec cell_spec{.id = spec_.id,
                              .policy = std::move(enforced),
                              .lifetime = spec_.policy.limits.timeout + kLifetimeSlack,
                              .writable = spec_.writable,
                              .root = spec_.root};
  auto creating = runtime.create(std::move(cell_spec));
  CO_TRY_VOID(observer_.on_requested());
  CO_TRY(const auto cell, co_await with_timeout(kStartLimit, std::move(creating), "creating the sandbox"));
  report_.attestation = cell->attestation();
  report_.attestation.choice = spec_.wall_choice;

  auto lived = co_await live(*cell);
  if (!lived) {
    const auto act = guests_doing(lived.error());
    if (!act) co_return std::move(lived).error();  // the cell's end is its destructor's
    if (observed_.act == HostAct::kNone) observed_.act = *act;
    report_.note = lived.error().message();
  }
  auto destroyed = co_await with_timeout(kDestroyLimit, cell->destroy(), "removing the sandbox");
  if (destroyed) {
    observed_.cell = *destroyed;
  } else {
    report_.trouble = std::move(destroyed).error();
  }
  report_.results.finish();
  if (folder_ && !report_.trouble) {
    if (auto saved = save_figures(); !saved) report_.trouble = std::move(saved).error();
  }
  observed_.is_output_elided = report_.out.elided() + report_.err.elided() > 0;
  runtime::Verdict verdict = judge(observed_, spec_.policy.limits);
  report_.exit = verdict.exit;
  report_.limits_hit = std::move(verdict.limits_hit);
  co_return std::move(report_);
}

/// Everything between the sandbox's creation and its end. A guest's misdeed is an Error that guests_doing() knows.
Task<> Run::live(runtime::Cell& cell) {
  CO_TRY(session_, guest::Session::connect(executor_, cell.take_channel()));
  started_ = Clock::now();
  auto begun =
      co_await (copies_.is_empty() ? with_timeout(kStartLimit, start(*session_), "starting the program")
                                   : with_timeout(kCollectLimit, start_with_copies(*session_), "bringing files in"));
  if (!begun) co_return explained(std::move(begun).error());
  if (process_) {
    TaskGroup feeding(executor_);
    if (spec_.input.is_open()) {
      CO_TRY(auto input, HostInput::open(spec_.input));
      feeding.spawn(pump(process_, std::move(input)));
    }
    auto watched = co_await watch();
    observed_.wall = since(started_);
    if (!watched) co_return std::move(watched).error();
  }
  if (observed_.word && observed_.act == HostAct::kNone && (folder_ || spec_.wants_files)) {
    auto collected = co_await with_timeout(kCollectLimit, collect(*session_), "bringing files out");
    if (!collected) report_.note = "the files of the program are incomplete: " + collected.error().message();
  }
  process_.reset();
  co_return Result<>();
}

Task<> Run::start_with_copies(guest::Session& session) {
  CO_TRY_VOID(co_await copies_.write(session));
  started_ = Clock::now();
  co_return co_await start(session);
}

/// Sends the files and the command when it is called and returns the waiting for the answers: one round trip, one
/// packet.
Task<> Run::start(guest::Session& session) {
  std::vector<Task<>> writes;
  bool is_large = false;
  for (const GuestFile& file : launch_.files) {
    writes.push_back(session.write_file(file.path, std::as_bytes(std::span(file.text)), {.creates_parents = true}));
    is_large = is_large || file.text.size() > guest::kWindow;
  }
  if (is_large) return start_after(std::move(writes), session);
  return finish_start(std::move(writes), exec(session));
}

Task<std::unique_ptr<guest::Process>> Run::exec(guest::Session& session) {
  const auto* command = std::get_if<Command>(&spec_.program);
  return session.exec(
      {.argv = launch_.argv,
       .env = command != nullptr && command->environment ? *command->environment : environment_of(spec_.policy),
       .cwd = command != nullptr ? command->folder : "/workspace",
       .has_stdin = spec_.input.is_open(),
       .wants_results = true},
      *this);
}

/// For files of which not all goes out at the call: the command would start before its text is there.
Task<> Run::start_after(std::vector<Task<>> writes, guest::Session& session) {
  CO_TRY_VOID(co_await finish_all(std::move(writes)));
  co_return co_await finish_start({}, exec(session));
}

Task<> Run::finish_start(std::vector<Task<>> writes, Task<std::unique_ptr<guest::Process>> starting) {
  CO_TRY_VOID(co_await finish_all(std::move(writes)));
  auto process = co_await std::move(starting);
  if (process) {
    process_ = *std::move(process);
    co_return Result<>();
  }
  if (could_not_start(process.error())) co_return Result<>();
  co_return std::move(process).error();
}

/// A command that does not exist ends as it does in a shell; no process left is the pids limit. Everything else is our
/// failure, the interpreter that a script lacks as well.
bool Run::could_not_start(const Error& error) {
  auto failure = runtime::not_started(error, launch_.argv);
  const bool is_script = std::holds_alternative<Script>(spec_.program);
  if (!failure || (is_script && failure->observed.act != HostAct::kNoProcessLeft)) return false;
  observed_ = std::move(failure->observed);
  report_.note = std::move(failure->note);
  return true;
}

Error Run::explained(Error error) const {
  const auto* script = std::get_if<Script>(&spec_.program);
  if (script != nullptr && error.os_error() == ENOENT) return {Code::kNotFound, missing_interpreter(*script->language)};
  return error;
}

Task<> Run::watch() {
  using namespace asio::experimental::awaitable_operators;
  if (observed_.act != HostAct::kNone) co_return Result<>();
  auto winner = co_await (process_->wait() || sleep(spec_.policy.limits.timeout) || over_.wait());
  if (winner.index() == 1) observed_.act = HostAct::kTimeout;
  if (winner.index() != 0) co_return Result<>();
  CO_TRY(const guest::ProcessEnd end, std::get<0>(std::move(winner)));
  observed_.word = runtime::word_of(end);
  CO_TRY_VOID(co_await runtime::drain(process_, seen_));
  co_return Result<>();
}

/// The paths below the working folder that are no output, or none if all of it is an input.
std::optional<std::vector<std::string>> Run::inputs() const {
  const GuestPath workspace = *GuestPath::parse("/workspace");
  std::vector<std::string> paths;
  const auto add = [&](const GuestPath& path) {
    if (path.is_within(workspace))
      paths.push_back(path.text().substr(std::min(path.text().size(), workspace.text().size() + 1)));
  };
  for (const GuestFile& file : launch_.files) add(file.path);
  for (const policy::Mount& mount : spec_.policy.mounts) {
    if (workspace.is_within(mount.to)) return {};
    add(mount.to);
  }
  return paths;
}

Task<> Run::collect(guest::Session& session) {
  auto ignored = inputs();
  if (!ignored) co_return Result<>();
  const CollectLimits limits{.bytes = spec_.policy.limits.disk, .files = spec_.policy.limits.out_files};
  const GuestPath workspace = *GuestPath::parse("/workspace");
  CO_TRY(report_.files, co_await list_files(session, workspace, *std::move(ignored), limits));
  if (!folder_) co_return Result<>();
  auto collected = co_await collect_files(session, workspace, report_.files, *folder_, limits);
  if (collected || collected.error().os_error() == 0) co_return collected;
  report_.trouble = std::move(collected).error();
  co_return Result<>();
}

Result<> Run::save_figures() {
  const auto is_taken = [&](const std::string& name) {  // as a file of the program's, or as a folder of such
    return std::ranges::any_of(report_.files.files, [&](const OutFile& file) {
      return file.path.starts_with(name) && (file.path.size() == name.size() || file.path[name.size()] == '/');
    });
  };
  int number = 0;
  for (const RichResult& result : report_.results.items()) {
    const std::string* png = result.find("image/png");
    if (png == nullptr) continue;
    const auto bytes = from_base64(*png);
    if (!bytes) continue;
    std::string name;
    do {
      name = "figure-" + std::to_string(++number) + ".png";
    } while (is_taken(name));
    auto writer = TRY(folder_->create(name).context("save a figure"));
    TRY(writer.write(std::as_bytes(std::span(*bytes))).context("save a figure in " + folder_->path().text()));
    TRY(writer.finish(false).context("save a figure in " + folder_->path().text()));
    report_.figures.push_back(std::move(name));
  }
  return {};
}

}  // namespace

std::vector<std::string> environment_of(const policy::Policy& policy) {
  std::vector<policy::Variable> variables = {
      {"PATH", "/usr/local/bin:/usr/bin:/bin"},
      {"HOME", "/home/user"},
      {"USER", "user"},
      {"LANG", "C.UTF-8"},
      {"MPLBACKEND", "Agg"},             // there is no display; looking for one imports every toolkit
      {"PYTHONDONTWRITEBYTECODE", "1"},  // nobody imports it a second time, and it would be collected as output
      // Else numpy has a thread and a buffer of 32 MB for each processor of the host, and where the memory of one
      // process is limited, OpenBLAS tries for ever to get them.
      {"OPENBLAS_NUM_THREADS", std::to_string(policy::processors_of(policy.limits))},
  };
  if (!policy.libraries.use.empty()) variables.push_back({"PYTHONPATH", std::string(policy::kLibrariesFolder)});
  for (const policy::Variable& variable : policy.environment) {
    const auto same = std::ranges::find(variables, variable.name, &policy::Variable::name);
    if (same != variables.end()) {
      const bool is_search_path = variable.name == "PYTHONPATH";
      same->value = is_search_path ? same->value + ":" + variable.value : variable.value;
    } else {
      variables.push_back(variable);
    }
  }
  std::vector<std::string> environment;
  environment.reserve(variables.size());
  for (const policy::Variable& variable : variables) environment.push_back(variable.name + "=" + variable.value);
  return environment;
}

Task<RunReport> run_task(runtime::Runtime& runtime, TaskSpec spec, RunObserver& observer) {
  Run run(co_await asio::this_coro::executor, std::move(spec), observer);
  auto report = co_await run.go(runtime);
  co_return report;
}

}  // namespace brig::service
