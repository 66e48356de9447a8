#include "sandboxes/command.h"

#include <cerrno>
#include <csignal>
#include <utility>

#include "async/timer.h"
#include "base/text.h"
#include "guest/wire.h"
#include "runtime/ending.h"
#include "service/hints.h"

namespace brig::sandboxes {
namespace {

using runtime::HostAct;

/// How much later than the event loop the agent inside ends a command whose time is up: for when the loop is stuck.
constexpr Milliseconds kAgentSlack{1'000};
/// Of a command that ended while something it started still holds its output open.
constexpr const char* kLeftBehind = "what it left in the background goes on; what that prints is not kept";
/// How long a program may take to be started.
constexpr Milliseconds kStartLimit{10'000};
/// How long one that was killed may take to end: then what it used is not known.
constexpr Milliseconds kEndLimit{2'000};

Milliseconds since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - start);
}

}  // namespace

Command::Command(std::string id, CommandSpec spec, policy::Limits limits, std::shared_ptr<Spool> spool,
                 std::shared_ptr<Notifier> activity, const asio::any_io_executor& executor, WallTime started_at)
    : id_(std::move(id)), spec_(std::move(spec)), limits_(limits), started_at_(started_at), out_(spool),
      err_(std::move(spool)), changed_(executor), activity_(std::move(activity)), over_(executor),
      turn_over_(executor) {}

Task<> Command::start(guest::Session& session) {
  const auto self = shared_from_this();
  auto starting = session.exec({.argv = spec_.argv,
                                .env = spec_.env,
                                .cwd = spec_.cwd,
                                .terminal = spec_.terminal,
                                .has_stdin = spec_.has_stdin,
                                .timeout = spec_.timeout ? *spec_.timeout + kAgentSlack : Milliseconds{0}},
                               *this);
  auto process = co_await with_timeout(kStartLimit, std::move(starting), "starting the program");
  if (process) {
    process_ = *std::move(process);
    pid_ = process_->pid();
    co_return Result<>();
  }
  if (could_not_start(process.error())) co_return Result<>();
  co_return std::move(process).error();
}

/// Whether it is an end of the command's own rather than a failure of ours.
bool Command::could_not_start(const Error& error) {
  auto failure = runtime::not_started(error, spec_.argv);
  if (!failure) return false;
  if (error.os_error() == ENOENT) failure->note += service::or_no_folder(spec_.cwd);
  finish(std::move(failure->observed), std::move(failure->note));
  return true;
}

Task<> Command::run(Figures figures) {
  using namespace asio::experimental::awaitable_operators;
  const auto self = shared_from_this();
  if (end_) co_return Result<>();
  const std::shared_ptr<guest::Process> process = process_;
  runtime::Observed observed;
  std::string note;
  // What came before anybody waited here may have been too much already.
  const Milliseconds limit = is_over_output_ ? Milliseconds{0} : spec_.timeout.value_or(Milliseconds::max() / 2);
  auto winner = co_await (process->wait() || sleep(limit) || over_.wait());
  if (winner.index() == 0) {
    auto ended = std::get<0>(std::move(winner));
    if (!ended) {
      if (!end_) finish({.act = HostAct::kChannelLost}, ended.error().message());
      co_return Result<>();
    }
    observed.word = runtime::word_of(*ended);
    if (ended->is_timed_out) observed.act = HostAct::kTimeout;
    CO_TRY(const bool is_all, co_await runtime::drain(process, seen_));
    if (!is_all && !is_over_output_) note = kLeftBehind;
  } else {
    observed.act = winner.index() == 1 ? HostAct::kTimeout : HostAct::kOutputTotal;
    (void)process->signal(SIGKILL);
    const auto ended = co_await with_timeout(kEndLimit, process->wait(), "waiting for the program's end");
    if (ended) observed.word = runtime::word_of(*ended);
  }
  if (is_over_output_) observed.act = HostAct::kOutputTotal;
  if (auto report = co_await figures(); report) observed.cell = *report;
  shrink();
  finish(observed, std::move(note));
  co_return Result<>();
}

/// It is kept for who asks later: without what only a running one needs.
void Command::shrink() {
  out_.close();
  err_.close();
  spec_.env = {};
}

std::size_t Command::in_memory() const {
  std::size_t size = sizeof *this + out_.in_memory() + err_.in_memory() + spec_.cwd.size();
  for (const std::string& argument : spec_.argv) size += sizeof argument + argument.size();
  return size;
}

void Command::finish(runtime::Observed observed, std::string note) {
  if (end_) return;
  observed.wall = since(began_);
  duration_ = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began_);
  observed.is_output_elided = out_.dropped() + err_.dropped() > 0;
  runtime::Verdict verdict = judge(observed, limits_);
  end_ = CommandEnd{.exit = verdict.exit, .limits_hit = std::move(verdict.limits_hit), .note = std::move(note)};
  process_.reset();  // and with it the process group, unless it ended by itself
  tell();
  turn_over_.notify();
}

void Command::tell() {
  changed_.notify();
  activity_->notify();
}

void Command::abandon(runtime::Cause cause, std::string note) {
  if (end_) return;
  finish({.act = HostAct::kChannelLost}, std::move(note));
  end_->exit.cause = cause;
}

Task<> Command::wait() {
  const auto self = shared_from_this();
  while (!end_) CO_TRY_VOID(co_await changed_.wait());
  co_return Result<>();
}

Result<guest::Process*> Command::running() {
  if (process_) return process_.get();
  return Error(Code::kConflict, "the command has ended");
}

Result<> Command::expect_input() {
  TRY(running());
  if (!spec_.has_stdin && !spec_.terminal) return Error(Code::kConflict, "the command was started without an input");
  if (is_input_closed_) return Error(Code::kConflict, "the command's input is closed");
  return {};
}

Command::InputTurn::InputTurn(std::shared_ptr<Command> command)
    : command_(std::move(command)), number_(command_->next_writer_++) {
  command_->writers_.push_back(number_);
}

Command::InputTurn::~InputTurn() {
  command_->writers_.remove(number_);
  command_->turn_over_.notify();
}

Task<> Command::InputTurn::come() {
  CO_TRY_VOID(command_->expect_input());
  while (command_->writers_.front() != number_) {
    CO_TRY_VOID(co_await command_->turn_over_.wait());
    CO_TRY_VOID(command_->expect_input());
  }
  co_return Result<>();
}

Task<> Command::feed(std::string input) {
  const auto self = shared_from_this();
  InputTurn turn(self);
  CO_TRY_VOID(co_await turn.come());
  CO_TRY_VOID(co_await write_stdin(std::move(input)));
  co_return spec_.keeps_input ? Result<>() : close_stdin();
}

Task<> Command::write_stdin(std::string bytes) {
  const auto self = shared_from_this();
  CO_TRY_VOID(expect_input());
  const std::shared_ptr<guest::Process> process = process_;
  auto written = co_await process->write_stdin(std::as_bytes(std::span(bytes)));
  // It ended while it was given its input: the same answer as a moment later.
  if (!written && written.error().code() == Code::kUnavailable)
    co_return Error(Code::kConflict, "the command has ended");
  co_return written;
}

Result<> Command::close_stdin() {
  auto* process = TRY(running());
  if (is_input_closed_) return {};
  is_input_closed_ = !spec_.terminal;
  return process->close_stdin();
}

Result<> Command::signal(int number) {
  if (number < 1 || number > 64) return Error(Code::kInvalidArgument, "a signal is a number from 1 to 64");
  return TRY(running())->signal(number);
}

Result<> Command::resize(guest::TerminalSize size) {
  if (!spec_.terminal) return Error(Code::kConflict, "the command has no terminal");
  return TRY(running())->resize(size);
}

void Command::on_output(guest::Stream stream, std::span<const std::byte> bytes) {
  if (is_over_output_) return;
  seen_ += bytes.size();
  (stream == guest::Stream::kErr ? err_ : out_).append(bytes);
  if (seen_ > limits_.output_total.count) {
    is_over_output_ = true;
    over_.notify();
  }
  tell();
}

}  // namespace brig::sandboxes
