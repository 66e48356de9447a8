#pragma once
/// Room: one real sandbox behind the process wall, for tests: run a command in it, look at what came back.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "async/run.h"
#include "async/timer.h"
#include "guest/session.h"
#include "runtimes/process/process_runtime.h"

namespace brig {

/// What a command printed and how it ended.
struct Answer {
  std::string out;
  std::string err;
  guest::ProcessEnd end;
};

/// The agent of a sandbox, by the host's end of its channel.
class Inside {
 public:
  [[nodiscard]] bool is_ready() const { return session_ != nullptr; }
  guest::Session& session() { return *session_; }
  asio::io_context& io() { return io_; }

  void connect(Fd channel) {
    auto session = guest::Session::connect(io_.get_executor(), std::move(channel));
    if (!session.has_value()) ADD_FAILURE() << session.error().message();
    else session_ = *std::move(session);
  }

  Answer shell(const std::string& script, Milliseconds limit = Milliseconds(20'000)) {
    return exec({"/bin/sh", "-c", script}, limit);
  }

  Answer exec(std::vector<std::string> argv, Milliseconds limit = Milliseconds(20'000)) {
    Sink sink;
    auto answer = brig::run(io_, with_timeout(limit, exec_task(std::move(argv), sink), "the command"));
    if (!answer.has_value()) {
      ADD_FAILURE() << answer.error().message();
      return {.out = sink.out, .err = sink.err, .end = {}};
    }
    return {.out = sink.out, .err = sink.err, .end = *answer};
  }

 private:
  struct Sink final : guest::OutputSink {
    void on_output(guest::Stream stream, std::span<const std::byte> bytes) override {
      std::string& text = stream == guest::Stream::kOut ? out : err;
      if (text.size() < (4U << 20)) text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    std::string out;
    std::string err;
  };

  Task<guest::ProcessEnd> exec_task(std::vector<std::string> argv, Sink& sink) {
    guest::ExecRequest request;
    request.argv = std::move(argv);
    request.env = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/home/user", "LANG=C.UTF-8"};
    CO_TRY(auto process, co_await session_->exec(std::move(request), sink));
    CO_TRY(const guest::ProcessEnd end, co_await process->wait());
    CO_TRY_VOID(co_await process->drain(Milliseconds(1000)));
    co_return end;
  }

  asio::io_context io_;
  std::unique_ptr<guest::Session> session_;
};

class Room {
 public:
  /// Makes the sandbox; a failure fails the test with its message.
  explicit Room(policy::Policy policy = {}, Milliseconds lifetime = Milliseconds(60'000))
      : Room(std::move(policy), runtime::RootImage(), {}, lifetime) {}
  Room(policy::Policy policy, runtime::RootImage root, std::optional<runtime::WritableRoot> writable = {},
       Milliseconds lifetime = Milliseconds(60'000))
      : runtime_(runtimes::process::make_process_runtime({.launcher = std::string(BRIG_BIN_DIR) + "/brig-launch"})) {
    static int serial = 0;
    runtime::CellSpec spec{.id = "test-" + std::to_string(::getpid()) + "-" + std::to_string(serial++),
                           .policy = std::move(policy),
                           .lifetime = lifetime,
                           .writable = std::move(writable),
                           .root = std::move(root)};
    id_ = spec.id;
    auto cell = brig::run(io(), runtime_->create(std::move(spec)));
    if (!cell.has_value()) {
      ADD_FAILURE() << cell.error().message();
      return;
    }
    cell_ = *std::move(cell);
    inside_.connect(cell_->take_channel());
  }

  [[nodiscard]] bool is_ready() const { return inside_.is_ready(); }
  [[nodiscard]] const std::string& id() const { return id_; }
  runtime::Cell& cell() { return *cell_; }
  guest::Session& session() { return inside_.session(); }
  asio::io_context& io() { return inside_.io(); }
  Answer shell(const std::string& script, Milliseconds limit = Milliseconds(20'000)) {
    return inside_.shell(script, limit);
  }
  Answer exec(std::vector<std::string> argv, Milliseconds limit = Milliseconds(20'000)) {
    return inside_.exec(std::move(argv), limit);
  }

  runtime::CellReport destroy() {
    auto report = brig::run(io(), cell_->destroy());
    EXPECT_TRUE(report.has_value()) << report.error().message();
    return report.value_or(runtime::CellReport{});
  }

 private:
  std::unique_ptr<runtime::Runtime> runtime_;
  std::unique_ptr<runtime::Cell> cell_;
  Inside inside_;
  std::string id_;
};

}  // namespace brig
