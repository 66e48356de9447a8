#pragma once
/// FakeRuntime: a wall that is none. Each cell's guest is a function of the test's, on a thread, at the other end of a
/// socket.
#include <sys/socket.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/runtime.h"

namespace brig::runtime::testing {

/// What the fake does and says; set before create().
struct Behaviour {
  std::function<void(FdRef)> guest;  ///< returns when its socket is closed
  CellReport report = {};
  std::vector<std::string> weaknesses = {};
  std::optional<Error> admit_error = {};
  std::optional<Error> create_error = {};
  std::optional<Error> destroy_error = {};
};

/// What happened to it, for the test to look at.
struct Record {
  std::vector<CellSpec> created;
  int alive = 0;
};

class FakeCell final : public Cell {
 public:
  FakeCell(const Behaviour& behaviour, Record& record) : behaviour_(behaviour), record_(record) {
    int pair[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) std::abort();
    channel_ = Fd(pair[0]);
    inside_ = Fd(pair[1]);
    ++record_.alive;
    attestation_ = {.runtime = "fake",
                    .kernel = "none",
                    .capabilities = "none",
                    .network = "none",
                    .weaknesses = behaviour.weaknesses};
    guest_ = std::thread([guest = behaviour.guest, fd = inside_.ref()] {
      if (guest) guest(fd);
      ::shutdown(fd.get(), SHUT_RDWR);
    });
  }
  ~FakeCell() override { end(); }

  Fd take_channel() override { return std::move(channel_); }
  [[nodiscard]] const Attestation& attestation() const override { return attestation_; }
  Task<CellReport> stats() override {
    if (!guest_.joinable()) co_return Error(Code::kUnavailable, "the cell is gone");
    co_return behaviour_.report;
  }
  Task<> pause() override { co_return Error(Code::kUnsupported, "the fake cannot pause"); }
  Task<> resume() override { co_return Error(Code::kUnsupported, "the fake cannot resume"); }
  Task<CellReport> destroy() override {
    end();
    if (behaviour_.destroy_error) co_return *behaviour_.destroy_error;
    co_return behaviour_.report;
  }

 private:
  void end() {
    if (!guest_.joinable()) return;
    ::shutdown(inside_.get(), SHUT_RDWR);
    guest_.join();
    --record_.alive;
  }

  const Behaviour& behaviour_;
  Record& record_;
  Attestation attestation_;
  Fd channel_;
  Fd inside_;
  std::thread guest_;
};

class FakeRuntime final : public Runtime {
 public:
  Behaviour behaviour;
  Record record;

  [[nodiscard]] std::string_view name() const override { return "fake"; }
  [[nodiscard]] Capabilities capabilities() const override { return {}; }
  Probe probe() override { return {.is_available = true}; }
  Result<std::vector<std::string>> admit(const policy::Policy& /*policy*/) override {
    if (behaviour.admit_error) return *behaviour.admit_error;
    return behaviour.weaknesses;
  }
  Task<std::unique_ptr<Cell>> create(CellSpec spec) override {
    if (behaviour.create_error) co_return *behaviour.create_error;
    record.created.push_back(std::move(spec));
    co_return std::make_unique<FakeCell>(behaviour, record);
  }
};

}  // namespace brig::runtime::testing
