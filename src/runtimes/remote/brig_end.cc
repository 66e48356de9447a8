#include "runtimes/remote/brig_end.h"

#include <utility>

#include "async/timer.h"
#include "runtimes/remote/answers.h"

namespace brig::runtimes::remote {
namespace {

class BrigEnd final : public FarEnd {
 public:
  BrigEnd(std::unique_ptr<Server> server, std::string path) : server_(std::move(server)), path_(std::move(path)) {}

  Task<runtime::CellReport> stats() override {
    CO_TRY(const std::string answer, co_await ask("GET", "/metrics"));
    CO_TRY(known_, from(server_->destination().host, read_figures(answer)));
    co_return known_;
  }
  Task<> live_for(Milliseconds from_now) override {
    auto answer = co_await ask("PATCH", "/lifecycle", lifetime_body(from_now));
    if (answer) co_return Result<>();
    // What has expired is not revived.
    if (answer.error().code() == Code::kConflict) co_return Error(Code::kUnavailable, answer.error().message());
    co_return std::move(answer).error();
  }
  Task<> pause() override { return change_state("/pause", "paused"); }
  Task<> resume() override { return change_state("/resume", "running"); }
  Task<runtime::CellReport> end() override;

 private:
  Task<std::string> ask(std::string method, std::string below, std::string body = {}) {
    auto answer = co_await server_->ask(std::move(method), path_ + below, std::move(body));
    if (!answer && answer.error().code() == Code::kNotFound) co_return Error(Code::kUnavailable, "the sandbox is gone");
    co_return answer;
  }
  Task<> change_state(std::string below, std::string wanted);
  Task<runtime::CellReport> look_back();

  std::unique_ptr<Server> server_;
  std::string path_;
  runtime::CellReport known_;
};

/// Pausing what is paused, and resuming what runs, is no error here; over there it is.
Task<> BrigEnd::change_state(std::string below, std::string wanted) {
  auto answer = co_await ask("POST", std::move(below));
  if (answer || answer.error().code() != Code::kConflict) {
    if (!answer) co_return std::move(answer).error();
    co_return Result<>();
  }
  CO_TRY(const std::string text, co_await ask("GET", ""));
  CO_TRY(const Standing standing, from(server_->destination().host, read_standing(text)));
  if (standing.status == wanted) co_return Result<>();
  co_return std::move(answer).error();
}

/// How a sandbox ended that we did not end.
Task<runtime::CellReport> BrigEnd::look_back() {
  const std::string host = server_->destination().host;
  Standing standing;
  // Who is about to end is not found any more, and its end is written a moment later.
  for (int attempt = 0; attempt < 20 && standing.end_reason.empty(); ++attempt) {
    if (attempt > 0) CO_TRY_VOID(co_await sleep(Milliseconds(50)));
    CO_TRY(const std::string text, co_await server_->ask("GET", path_));
    CO_TRY(standing, from(host, read_standing(text)));
  }
  runtime::CellReport report = known_;
  report.has_expired = standing.end_reason == "expired";
  if (report.has_expired || standing.end_reason == "guest_lost") co_return report;
  co_return Error(Code::kUnavailable, host + " ended the sandbox (" + standing.end_reason +
                                          (standing.end_detail.empty() ? "" : ": " + standing.end_detail) + ")");
}

Task<runtime::CellReport> BrigEnd::end() {
  const auto figures = co_await server_->ask("GET", path_ + "/metrics");
  if (figures) {
    if (auto known = read_figures(*figures)) known_ = *known;
  }
  auto ended = co_await server_->ask("DELETE", path_);
  if (!ended && ended.error().code() == Code::kNotFound) co_return co_await look_back();
  if (!ended) {
    co_return std::move(ended).error().context(
        "end the sandbox (over there it ends when its channel is missed, at the latest when its time is up)");
  }
  co_return known_;
}

}  // namespace

std::unique_ptr<FarEnd> make_brig_end(std::unique_ptr<Server> server, const std::string& id) {
  return std::make_unique<BrigEnd>(std::move(server), sandbox_path(id));
}

std::string sandbox_path(const std::string& id) { return "/v1/sandboxes/" + id; }

}  // namespace brig::runtimes::remote
