#include "sandboxes/tool.h"

#include <cerrno>
#include <csignal>
#include <optional>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/this_coro.hpp>

#include "async/notifier.h"
#include "async/timer.h"
#include "base/buffer.h"

namespace brig::sandboxes {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10;
constexpr std::size_t kComplaintMost = 4096;
/// How long a tool may take to be started, and its last complaint to come.
constexpr Milliseconds kStartLimit{10'000};
constexpr Milliseconds kDrainGrace{200};

/// Holds what came and was not taken yet: at most the window, because credit is given only for what was taken.
class Funnel final : public guest::OutputSink {
 public:
  Funnel(const asio::any_io_executor& executor, ToolComplaint& complaint)
      : changed_(executor), on_complaint_(complaint) {}

  void on_output(guest::Stream stream, std::span<const std::byte> bytes) override {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (stream == guest::Stream::kOut) {
      waiting_.append(text);
    } else {
      complaint_.append(text.substr(0, kComplaintMost - complaint_.size()));
      if (on_complaint_ && !refusal_) {
        if (auto heard = on_complaint_(text); !heard) refusal_ = std::move(heard).error();
      }
      give_credit(text.size());
    }
    changed_.notify();
  }
  void on_end(guest::Stream stream) override {
    has_ended_ = has_ended_ || stream == guest::Stream::kOut;
    changed_.notify();
  }

  void attach(guest::Process& process) {
    process_ = &process;
    give_credit(0);
  }

  /// Everything it prints, to `output`, until the end of it.
  Task<> pass(const ToolOutput& output, Sandbox& sandbox) {
    std::string piece;
    while (true) {
      if (refusal_) co_return *refusal_;
      piece.clear();
      piece.swap(waiting_);
      if (!piece.empty()) {
        CO_TRY_VOID(sandbox.session());  // it is used
        CO_TRY_VOID(co_await output(piece));
        give_credit(piece.size());
        continue;
      }
      if (has_ended_) co_return Result<>();
      CO_TRY_VOID(co_await changed_.wait());
    }
  }
  [[nodiscard]] const std::string& complaint() const { return complaint_; }
  [[nodiscard]] const std::optional<Error>& refusal() const { return refusal_; }

 private:
  void give_credit(std::size_t bytes) {
    owed_ += bytes;
    if (process_ != nullptr && owed_ > 0) process_->consumed(std::exchange(owed_, 0));
  }

  Notifier changed_;
  ToolComplaint& on_complaint_;
  guest::Process* process_ = nullptr;
  std::size_t owed_ = 0;
  std::string waiting_;
  std::string complaint_;
  std::optional<Error> refusal_;
  bool has_ended_ = false;
};

Task<> wait_for_ever() {
  const auto executor = co_await asio::this_coro::executor;
  Notifier never(executor);
  co_return co_await never.wait();
}

/// Ends only if there is no more to be had from `input`; a tool that reads no more is no failure.
Task<> feed(guest::Process& process, const guest::ByteSource& input, Sandbox& sandbox) {
  Buffer buffer(kPiece);
  while (input) {
    CO_TRY(const std::size_t count, co_await input(buffer.bytes()));
    if (count == 0) {
      (void)process.close_stdin();
      break;
    }
    (void)sandbox.session();
    auto written = co_await process.write_stdin(buffer.bytes().first(count));
    if (!written) break;
  }
  co_return co_await wait_for_ever();
}

/// Ends only if the end cannot be heard of any more.
Task<> watch(guest::Process& process) {
  CO_TRY_VOID(co_await process.wait());
  co_return co_await wait_for_ever();
}

}  // namespace

Task<ToolEnd> run_tool(std::shared_ptr<Sandbox> sandbox, ToolRequest request) {
  using namespace asio::experimental::awaitable_operators;
  const auto executor = co_await asio::this_coro::executor;
  CO_TRY(guest::Session * session, sandbox->session());
  Funnel funnel(executor, request.complaint);
  auto started =
      co_await with_timeout(kStartLimit,
                            session->exec({.argv = request.argv,
                                           .env = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", "HOME=/home/user"},
                                           .cwd = "/",
                                           .has_stdin = static_cast<bool>(request.input),
                                           .credit = guest::Credit::kManual},
                                          funnel),
                            "starting " + request.argv.front());
  if (!started) {
    if (started.error().os_error() == ENOENT)
      co_return Error(Code::kUnsupported, "the sandbox has no program \"" + request.argv.front() + "\"");
    co_return std::move(started).error();
  }
  const std::unique_ptr<guest::Process> process = *std::move(started);
  funnel.attach(*process);
  auto first =
      co_await (funnel.pass(request.output, *sandbox) || feed(*process, request.input, *sandbox) || watch(*process));
  if (first.index() == 1) {
    auto fed = std::get<1>(std::move(first));
    if (!fed) co_return std::move(fed).error();
  }
  if (first.index() == 2) {
    auto watched = std::get<2>(std::move(first));
    if (!watched) co_return std::move(watched).error();
  }
  if (first.index() == 0) CO_TRY_VOID(std::get<0>(std::move(first)));
  CO_TRY(const guest::ProcessEnd end, co_await process->wait());
  CO_TRY_VOID(co_await process->drain(kDrainGrace));
  if (funnel.refusal()) co_return *funnel.refusal();
  co_return ToolEnd{.exit_code = end.is_signalled ? 128 + end.value : end.value,
                    .is_disk_full = end.is_disk_full,
                    .complaint = funnel.complaint()};
}

}  // namespace brig::sandboxes
