#include "runtimes/process/process_cell.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include <boost/asio/this_coro.hpp>

#include "async/notifier.h"
#include "async/stream.h"
#include "async/timer.h"
#include "base/buffer.h"
#include "sys/seqpacket.h"

namespace brig::runtimes::process {

Task<Reply> next_reply(FdRef control) {
  Buffer buffer(sys::kMaxMessage);
  while (true) {
    auto message = sys::receive_message(control, buffer.bytes());
    if (!message.has_value() && message.error().os_error() == EAGAIN) {
      CO_TRY_VOID(co_await wait_readable(control));
      continue;
    }
    if (!message.has_value()) co_return std::move(message).error();
    if (message->size == 0)
      co_return Error(Code::kUnavailable, "the process that watched the sandbox (brig-launch) is gone");
    co_return decode_reply({reinterpret_cast<const char*>(buffer.bytes().data()), message->size});
  }
}

namespace {

Error lost() {
  return {Code::kUnavailable,
          "the process that watched the sandbox (brig-launch) was killed before its time, and the sandbox ended with "
          "it"};
}

Error gone() { return {Code::kUnavailable, "the sandbox is gone"}; }

/// What a cell shares with the tasks that still wait on it when it goes.
struct Control {
  explicit Control(ProcessCellParts parts)
      : id(std::move(parts.id)), socket(std::move(parts.control)), cgroups(std::move(parts.cgroups)),
        deadline(parts.deadline) {}

  std::string id;
  Fd socket;  ///< to the warden, which takes one question at a time from us; its end is the sandbox's
  sys::CgroupTree cgroups;
  Deadline deadline;              ///< as the warden has last confirmed
  bool is_ending = false;         ///< somebody destroys it: nobody else may begin to ask
  bool is_lost = false;           ///< there is no report and will be none
  std::optional<Error> why_lost;  ///< as the warden has said it; none if it could not
  bool is_busy = false;           ///< a task asks, or reads what the warden says
  std::uint32_t serial = 0;
  std::optional<runtime::CellReport> report;  ///< the last one: the sandbox is gone
  std::optional<Notifier> changed;            ///< once a task waits
};

/// The right to talk to the warden; gives it back whatever ends the task.
class Turn {
 public:
  explicit Turn(std::shared_ptr<Control> control) : control_(std::move(control)) { control_->is_busy = true; }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    control_->is_busy = false;
    if (control_->changed.has_value()) control_->changed->notify();
  }

 private:
  std::shared_ptr<Control> control_;
};

Task<> wait_for_change(std::shared_ptr<Control> control) {
  if (!control->changed.has_value()) control->changed.emplace(co_await asio::this_coro::executor);
  co_return co_await control->changed->wait();
}

/// Asks the warden and returns its answer, after those who asked before. kUnavailable once the sandbox is gone, or
/// about to be.
Task<Answer> exchange(std::shared_ptr<Control> control, AskMessage question) {
  while (control->is_busy && !control->is_ending) {
    CO_TRY_VOID(co_await wait_for_change(control));
  }
  if (control->is_ending || control->report.has_value()) co_return gone();
  const Turn turn(control);
  question.serial = ++control->serial;
  const std::string bytes = encode(question);
  // A warden that has ended may have said so: that is still there to be read.
  (void)sys::send_message(control->socket.ref(), std::as_bytes(std::span(bytes)));
  while (true) {
    CO_TRY(Reply reply, co_await next_reply(control->socket.ref()));
    if (auto* ended = std::get_if<Ended>(&reply)) {
      control->report = ended->report;
      co_return gone();
    }
    if (auto* failed = std::get_if<Failed>(&reply)) {
      control->why_lost = std::move(failed->error);
      co_return gone();
    }
    auto* answer = std::get_if<Answer>(&reply);
    if (answer == nullptr) co_return Error(Code::kInternal, "brig-launch answered out of order");
    if (answer->serial != question.serial) continue;  // to somebody who did not wait for it
    if (answer->error.has_value()) co_return *std::move(answer->error);
    co_return *std::move(answer);
  }
}

/// The groups of a sandbox whose warden was killed. Its launcher removes them as soon as it hears of that; we do it
/// where we may and wait for it where we may not.
Task<> remove_groups(std::shared_ptr<Control> control) {
  constexpr int kRounds = 200;
  auto removed = sys::remove_cgroup(control->cgroups, control->id);
  for (int round = 0; round < kRounds && !removed.has_value(); ++round) {
    const int error = removed.error().os_error();
    if (error != EACCES && error != EPERM && error != EROFS) co_return std::move(removed);
    CO_TRY_VOID(co_await sleep(Milliseconds(10)));
    if (sys::cgroup_is_gone(control->cgroups, control->id)) break;
  }
  co_return Result<>();  // if they stay, they are empty, and a later sandbox's warden sweeps them
}

Task<runtime::CellReport> end(std::shared_ptr<Control> control) {
  control->is_ending = true;
  if (!control->report.has_value() && !control->is_lost) {
    const std::string bytes = encode(AskMessage{.what = Ask::kDestroy});
    // If the warden has ended already, its last message is still there to be read.
    (void)sys::send_message(control->socket.ref(), std::as_bytes(std::span(bytes)));
  }
  if (control->changed.has_value()) control->changed->notify();
  while (control->is_busy && !control->report.has_value()) {
    CO_TRY_VOID(co_await wait_for_change(control));
  }
  if (control->report.has_value()) co_return *control->report;
  if (control->is_lost) co_return control->why_lost.value_or(lost());
  const Turn turn(control);
  while (true) {
    auto reply = co_await next_reply(control->socket.ref());
    if (!reply.has_value() && reply.error().code() == Code::kCancelled) co_return std::move(reply).error();
    if (!reply.has_value()) break;
    if (auto* failed = std::get_if<Failed>(&*reply)) control->why_lost = std::move(failed->error);
    const auto* ended = std::get_if<Ended>(&*reply);
    if (ended == nullptr) continue;
    control->report = ended->report;
    co_return *control->report;
  }
  // The warden was killed, by the kernel's timer or by somebody. Its sandbox died with it.
  const bool has_expired = has_passed(control->deadline) && !control->why_lost.has_value();
  if (control->cgroups.has_all()) CO_TRY_VOID(co_await remove_groups(control));
  control->is_lost = !has_expired;
  if (control->is_lost) co_return control->why_lost.value_or(lost());
  control->report = runtime::CellReport{.has_expired = true};
  co_return *control->report;
}

Task<runtime::CellReport> stats_of(std::shared_ptr<Control> control) {
  CO_TRY(Answer answer, co_await exchange(std::move(control), {.what = Ask::kStats}));
  co_return answer.report;
}

Task<> live_for(std::shared_ptr<Control> control, Milliseconds from_now) {
  if (from_now.count() < 0 || from_now > kMaxLifetime)
    co_return Error(Code::kInvalidArgument, "a sandbox cannot live for " + std::to_string(from_now.count()) + " ms");
  const Deadline deadline = deadline_after(from_now);
  CO_TRY_VOID(co_await exchange(control, {.what = Ask::kSetLifetime, .lifetime = from_now}));
  control->deadline = deadline;
  co_return Result<>();
}

Task<> command(std::shared_ptr<Control> control, Ask what) {
  CO_TRY([[maybe_unused]] const Answer done, co_await exchange(std::move(control), {.what = what}));
  co_return Result<>();
}

class ProcessCell final : public runtime::Cell {
 public:
  explicit ProcessCell(ProcessCellParts parts)
      : channel_(std::move(parts.channel)), attestation_(std::move(parts.attestation)),
        control_(std::make_shared<Control>(std::move(parts))) {}
  ProcessCell(const ProcessCell&) = delete;
  ProcessCell& operator=(const ProcessCell&) = delete;
  ~ProcessCell() override {
    // Not closed: a task may wait on it. To the warden it is the same, and the task hears of it.
    control_->is_ending = true;
    (void)::shutdown(control_->socket.get(), SHUT_RDWR);
    if (control_->changed.has_value()) control_->changed->notify();
  }

  Fd take_channel() override { return std::move(channel_); }
  [[nodiscard]] const runtime::Attestation& attestation() const override { return attestation_; }
  Task<runtime::CellReport> stats() override { return stats_of(control_); }
  Task<> set_lifetime(Milliseconds from_now) override { return live_for(control_, from_now); }
  Task<> pause() override { return command(control_, Ask::kPause); }
  Task<> resume() override { return command(control_, Ask::kResume); }
  Task<runtime::CellReport> destroy() override { return end(control_); }

 private:
  Fd channel_;
  runtime::Attestation attestation_;
  std::shared_ptr<Control> control_;
};

}  // namespace

std::unique_ptr<runtime::Cell> make_process_cell(ProcessCellParts parts) {
  return std::make_unique<ProcessCell>(std::move(parts));
}

}  // namespace brig::runtimes::process
