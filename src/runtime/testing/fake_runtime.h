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
  std::function<void()> on_create = {};
  CellReport report = {};
  std::vector<std::string> weaknesses = {};
  bool may_pause = false;
  bool may_mount = true;
  bool may_use_images = false;
  std::string missing = {};  ///< why it cannot be built here; empty: it can
  std::optional<Error> admit_error = {};
  std::optional<Error> ready_error = {};
  std::optional<Error> create_error = {};
  std::optional<Error> destroy_error = {};
};

/// What happened to it, for the test to look at.
struct Record {
  std::vector<CellSpec> created;
  std::vector<Milliseconds> lifetimes;  ///< that were set afterwards
  std::vector<bool> pauses;             ///< true: pause(), false: resume()
  int alive = 0;
};

class FakeCell final : public Cell {
 public:
  FakeCell(const Behaviour& behaviour, Record& record, std::string_view name = "fake",
           policy::Boundary boundary = policy::Boundary::kSharedKernel)
      : behaviour_(behaviour), record_(record) {
    int pair[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) std::abort();
    channel_ = Fd(pair[0]);
    inside_ = Fd(pair[1]);
    ++record_.alive;
    attestation_ = {.runtime = std::string(name),
                    .boundary = boundary,
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
  Task<> set_lifetime(Milliseconds from_now) override {
    if (!guest_.joinable()) co_return Error(Code::kUnavailable, "the cell is gone");
    record_.lifetimes.push_back(from_now);
    co_return Result<>();
  }
  Task<> pause() override { return set_paused(true); }
  Task<> resume() override { return set_paused(false); }
  Task<CellReport> destroy() override {
    end();
    if (behaviour_.destroy_error) co_return *behaviour_.destroy_error;
    co_return behaviour_.report;
  }

 private:
  Task<> set_paused(bool is_paused) {
    if (!behaviour_.may_pause) co_return Error(Code::kUnsupported, "this fake cannot pause");
    if (!guest_.joinable()) co_return Error(Code::kUnavailable, "the cell is gone");
    record_.pauses.push_back(is_paused);
    co_return Result<>();
  }
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
  explicit FakeRuntime(std::string name = "fake", policy::Boundary boundary = policy::Boundary::kSharedKernel)
      : name_(std::move(name)), boundary_(boundary) {}

  Behaviour behaviour;
  Record record;

  [[nodiscard]] std::string_view name() const override { return name_; }
  [[nodiscard]] Capabilities capabilities() const override {
    return {
        .may_pause = behaviour.may_pause, .may_mount = behaviour.may_mount, .may_use_images = behaviour.may_use_images};
  }
  Probe probe() override {
    if (behaviour.missing.empty()) return {.is_available = true, .boundary = boundary_, .findings = {}};
    return {.is_available = false,
            .boundary = boundary_,
            .findings = {{Finding::State::kMissing, "fake", behaviour.missing, "install it"}}};
  }
  Result<std::vector<std::string>> admit(const policy::Policy& policy) override {
    if (policy.require > boundary_) return Error(Code::kUnsupported, "the " + name_ + " wall is too weak");
    if (behaviour.admit_error) return *behaviour.admit_error;
    return behaviour.weaknesses;
  }
  Result<> ready() override {
    if (behaviour.ready_error) return *behaviour.ready_error;
    return {};
  }
  Task<std::unique_ptr<Cell>> create(CellSpec spec) override {
    if (behaviour.create_error) co_return *behaviour.create_error;
    record.created.push_back(std::move(spec));
    if (behaviour.on_create) behaviour.on_create();
    co_return std::make_unique<FakeCell>(behaviour, record, name_, boundary_);
  }

 private:
  std::string name_;
  policy::Boundary boundary_;
};

}  // namespace brig::runtime::testing
