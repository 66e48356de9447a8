#include "runtimes/remote/remote_cell.h"

#include <csignal>
#include <optional>
#include <utility>

#include "async/notifier.h"
#include "async/timer.h"

namespace brig::runtimes::remote {
namespace {

/// Ten years, as the other side has it too.
constexpr Milliseconds kLifetimeMax{10LL * 365 * 24 * 3'600'000};

Error gone() { return {Code::kUnavailable, "the sandbox is gone"}; }

/// What a cell shares with the tasks that still wait on it when it goes.
struct Control {
  Control(RemoteCellParts parts, const asio::any_io_executor& executor)
      : path(sandbox_path(parts.id)), server(std::move(parts.server)), relay(std::move(parts.relay.process)),
        changed(executor) {}

  std::string path;
  std::unique_ptr<Server> server;
  sys::Child relay;
  Notifier changed;
  bool is_ending = false;  ///< somebody destroys it: nobody else may begin to ask
  bool is_busy = false;    ///< a task asks
  runtime::CellReport known;
  std::optional<Result<runtime::CellReport>> report;  ///< the last one: the sandbox is gone
};

/// The right to talk to the server; gives it back whatever ends the task.
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
Task<std::string> ask(std::shared_ptr<Control> control, std::string method, std::string below, std::string body = {}) {
  while (control->is_busy && !control->is_ending) CO_TRY_VOID(co_await control->changed.wait());
  if (control->is_ending || control->report) co_return gone();
  const Turn turn(control);
  auto answer = co_await control->server->ask(std::move(method), control->path + below, std::move(body));
  if (control->is_ending) co_return gone();
  if (!answer && answer.error().code() == Code::kNotFound) co_return gone();
  co_return answer;
}

Task<runtime::CellReport> stats_of(std::shared_ptr<Control> control) {
  CO_TRY(const std::string answer, co_await ask(control, "GET", "/metrics"));
  CO_TRY(control->known, from(control->server->destination().host, read_figures(answer)));
  co_return control->known;
}

Task<> live_for(std::shared_ptr<Control> control, Milliseconds from_now) {
  if (from_now.count() < 0 || from_now > kLifetimeMax)
    co_return Error(Code::kInvalidArgument, "a sandbox cannot live for " + std::to_string(from_now.count()) + " ms");
  auto answer = co_await ask(control, "PATCH", "/lifecycle", lifetime_body(from_now));
  if (answer) co_return Result<>();
  // What has expired is not revived.
  if (answer.error().code() == Code::kConflict) co_return Error(Code::kUnavailable, answer.error().message());
  co_return std::move(answer).error();
}

/// Pausing what is paused, and resuming what runs, is no error here; over there it is.
Task<> change_state(std::shared_ptr<Control> control, std::string below, std::string wanted) {
  auto answer = co_await ask(control, "POST", std::move(below));
  if (answer || answer.error().code() != Code::kConflict) {
    if (!answer) co_return std::move(answer).error();
    co_return Result<>();
  }
  CO_TRY(const std::string text, co_await ask(control, "GET", ""));
  CO_TRY(const Standing standing, from(control->server->destination().host, read_standing(text)));
  if (standing.status == wanted) co_return Result<>();
  co_return std::move(answer).error();
}

/// How a sandbox ended that we did not end.
Task<runtime::CellReport> look_back(std::shared_ptr<Control> control) {
  const std::string host = control->server->destination().host;
  Standing standing;
  // Who is about to end is not found any more, and its end is written a moment later.
  for (int attempt = 0; attempt < 20 && standing.end_reason.empty(); ++attempt) {
    if (attempt > 0) CO_TRY_VOID(co_await sleep(Milliseconds(50)));
    CO_TRY(const std::string text, co_await control->server->ask("GET", control->path));
    CO_TRY(standing, from(host, read_standing(text)));
  }
  runtime::CellReport report = control->known;
  report.has_expired = standing.end_reason == "expired";
  if (report.has_expired || standing.end_reason == "guest_lost") co_return report;
  co_return Error(Code::kUnavailable, host + " ended the sandbox (" + standing.end_reason +
                                          (standing.end_detail.empty() ? "" : ": " + standing.end_detail) + ")");
}

Task<runtime::CellReport> take_down(std::shared_ptr<Control> control) {
  const auto figures = co_await control->server->ask("GET", control->path + "/metrics");
  if (figures) {
    if (auto known = read_figures(*figures)) control->known = *known;
  }
  auto ended = co_await control->server->ask("DELETE", control->path);
  if (!ended && ended.error().code() == Code::kNotFound) co_return co_await look_back(control);
  if (!ended) {
    co_return std::move(ended).error().context(
        "end the sandbox (over there it ends when its channel is missed, at the latest when its time is up)");
  }
  co_return control->known;
}

Task<runtime::CellReport> end(std::shared_ptr<Control> control) {
  control->is_ending = true;
  control->changed.notify();
  while (control->is_busy && !control->report) CO_TRY_VOID(co_await control->changed.wait());
  if (control->report) co_return *control->report;
  const Turn turn(control);
  auto report = co_await take_down(control);
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
  /// The kernel closes the dead relay's connection, and the other side ends the sandbox.
  ~RemoteCell() override {
    control_->is_ending = true;
    control_->relay = sys::Child();
    control_->changed.notify();
  }

  Fd take_channel() override { return std::move(channel_); }
  [[nodiscard]] const runtime::Attestation& attestation() const override { return attestation_; }
  Task<runtime::CellReport> stats() override { return stats_of(control_); }
  Task<> set_lifetime(Milliseconds from_now) override { return live_for(control_, from_now); }
  Task<> pause() override { return change_state(control_, "/pause", "paused"); }
  Task<> resume() override { return change_state(control_, "/resume", "running"); }
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

std::string sandbox_path(const std::string& id) { return "/v1/sandboxes/" + id; }

}  // namespace brig::runtimes::remote
