#include "runtimes/remote/remote_cell.h"

#include <csignal>
#include <functional>
#include <optional>
#include <utility>

#include "async/notifier.h"

namespace brig::runtimes::remote {
namespace {

/// Ten years, as the other side has it too.
constexpr Milliseconds kLifetimeMax{10LL * 365 * 24 * 3'600'000};

Error gone() { return {Code::kUnavailable, "the sandbox is gone"}; }

/// What a cell shares with the tasks that still wait on it when it goes.
struct Control {
  Control(RemoteCellParts parts, const asio::any_io_executor& executor)
      : far(std::move(parts.far)), relay(std::move(parts.relay.process)), changed(executor) {}

  std::unique_ptr<FarEnd> far;
  sys::Child relay;
  Notifier changed;
  bool is_ending = false;                             ///< somebody destroys it: nobody else may begin to ask
  bool is_busy = false;                               ///< a task asks
  std::optional<Result<runtime::CellReport>> report;  ///< the last one: the sandbox is gone
};

/// The right to talk to the far end; gives it back whatever ends the task.
class Turn {
 public:
  explicit Turn(std::shared_ptr<Control> control) : control_(std::move(control)) { control_->is_busy = true; }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    control_->is_busy = false;
    control_->changed.notify();
  }

 private:
  std::shared_ptr<Control> control_;
};

/// The answer to a question about the sandbox, after those who asked before. kUnavailable once it is gone, or about to
/// be.
template <class T>
Task<T> ask(std::shared_ptr<Control> control, std::function<Task<T>(FarEnd&)> question) {
  while (control->is_busy && !control->is_ending) CO_TRY_VOID(co_await control->changed.wait());
  if (control->is_ending || control->report) co_return gone();
  const Turn turn(control);
  auto answer = co_await question(*control->far);
  if (control->is_ending) co_return gone();
  co_return answer;
}

Task<> live_for(std::shared_ptr<Control> control, Milliseconds from_now) {
  if (from_now.count() < 0 || from_now > kLifetimeMax)
    co_return Error(Code::kInvalidArgument, "a sandbox cannot live for " + std::to_string(from_now.count()) + " ms");
  co_return co_await ask<void>(std::move(control), [from_now](FarEnd& far) { return far.live_for(from_now); });
}

Task<runtime::CellReport> end(std::shared_ptr<Control> control) {
  control->is_ending = true;
  control->changed.notify();
  while (control->is_busy && !control->report) CO_TRY_VOID(co_await control->changed.wait());
  if (control->report) co_return *control->report;
  const Turn turn(control);
  auto report = co_await control->far->end();
  if (!report && report.error().code() == Code::kCancelled) co_return report;
  (void)control->relay.kill(SIGKILL);
  control->report = std::move(report);
  co_return *control->report;
}

class RemoteCell final : public runtime::Cell {
 public:
  RemoteCell(RemoteCellParts parts, const asio::any_io_executor& executor)
      : channel_(std::move(parts.relay.channel)), attestation_(std::move(parts.attestation)),
        control_(std::make_shared<Control>(std::move(parts), executor)) {}
  RemoteCell(const RemoteCell&) = delete;
  RemoteCell& operator=(const RemoteCell&) = delete;
  /// The kernel closes what the dead relay held, and with that the sandbox ends.
  ~RemoteCell() override {
    control_->is_ending = true;
    control_->relay = sys::Child();
    control_->changed.notify();
  }

  Fd take_channel() override { return std::move(channel_); }
  [[nodiscard]] const runtime::Attestation& attestation() const override { return attestation_; }
  Task<runtime::CellReport> stats() override {
    return ask<runtime::CellReport>(control_, [](FarEnd& far) { return far.stats(); });
  }
  Task<> set_lifetime(Milliseconds from_now) override { return live_for(control_, from_now); }
  Task<> pause() override {
    return ask<void>(control_, [](FarEnd& far) { return far.pause(); });
  }
  Task<> resume() override {
    return ask<void>(control_, [](FarEnd& far) { return far.resume(); });
  }
  Task<runtime::CellReport> destroy() override { return end(control_); }

 private:
  Fd channel_;
  runtime::Attestation attestation_;
  std::shared_ptr<Control> control_;
};

}  // namespace

std::unique_ptr<runtime::Cell> make_remote_cell(RemoteCellParts parts, const asio::any_io_executor& executor) {
  return std::make_unique<RemoteCell>(std::move(parts), executor);
}

}  // namespace brig::runtimes::remote
