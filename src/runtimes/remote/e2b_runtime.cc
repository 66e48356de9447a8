#include "runtimes/remote/e2b_runtime.h"

#include <chrono>
#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

#include "async/run.h"
#include "base/text.h"
#include "runtimes/remote/answers.h"
#include "runtimes/remote/e2b_answers.h"
#include "runtimes/remote/envd.h"
#include "runtimes/remote/lease.h"
#include "runtimes/remote/remote_cell.h"
#include "runtimes/remote/server.h"

namespace brig::runtimes::remote {
namespace {

using runtime::Finding;
using Clock = std::chrono::steady_clock;

/// A sandbox that exists over there, before our agent is in it. Dropping it ends it.
struct Begun {
  Lease lease;
  EnvdJob job;
};

class E2bEnd final : public FarEnd {
 public:
  explicit E2bEnd(Lease lease) : lease_(std::move(lease)) {}

  Task<runtime::CellReport> stats() override {
    CO_TRY_VOID(co_await lease_.look());
    co_return report(false);
  }
  Task<> live_for(Milliseconds from_now) override { return lease_.live_for(from_now); }
  /// Pausing cuts the stream that is our channel, and what is printed meanwhile is lost.
  Task<> pause() override { co_return Error(Code::kUnsupported, "the E2B API cannot pause without losing output"); }
  Task<> resume() override { co_return Error(Code::kUnsupported, "the E2B API cannot pause without losing output"); }
  Task<runtime::CellReport> end() override {
    CO_TRY(const bool has_expired, co_await lease_.end());
    co_return report(has_expired);
  }

 private:
  /// What is measured here: the rest of that machine's figures are not the sandbox's alone.
  [[nodiscard]] runtime::CellReport report(bool has_expired) const {
    runtime::CellReport report{.has_expired = has_expired};
    report.usage.wall = std::chrono::duration_cast<Milliseconds>(Clock::now() - began_);
    return report;
  }

  Lease lease_;
  Clock::time_point began_ = Clock::now();
};

/// What does not change from one sandbox to the next.
struct Service {
  Destination api;
  std::optional<Destination> sandboxes;  ///< if all are reached at one address
  std::string template_name;
  std::string program;
};

class E2bRuntime final : public runtime::Runtime {
 public:
  explicit E2bRuntime(Service service) : service_(std::move(service)) {}

  [[nodiscard]] std::string_view name() const override { return "remote"; }
  [[nodiscard]] runtime::Capabilities capabilities() const override { return {.may_pause = false, .may_mount = false}; }
  runtime::Probe probe() override;
  Result<std::vector<std::string>> admit(const policy::Policy& policy) override;
  Task<std::unique_ptr<runtime::Cell>> create(runtime::CellSpec spec) override {
    auto begun = begin(spec);
    return finish(std::move(spec), std::move(begun), service_.api.host, service_.template_name);
  }

 private:
  Result<std::string> ask(std::string method, std::string target, std::string body = {});
  Result<Begun> begin(const runtime::CellSpec& spec);
  static Task<std::unique_ptr<runtime::Cell>> finish(runtime::CellSpec spec, Result<Begun> begun, std::string host,
                                                     std::string template_name);

  Service service_;
};

Result<std::string> E2bRuntime::ask(std::string method, std::string target, std::string body) {
  asio::io_context io(1);
  Server server(io.get_executor(), service_.api);
  return brig::run(io, server.ask(std::move(method), std::move(target), std::move(body)));
}

runtime::Probe E2bRuntime::probe() {
  runtime::Probe probe{.is_available = false, .boundary = policy::Boundary::kSharedKernel, .findings = {}};
  if (const auto answer = ask("GET", "/v2/sandboxes?limit=1"); !answer) {
    probe.findings.push_back({Finding::State::kMissing, "a service with the E2B API", answer.error().message(),
                              "one of its keys in --remote-key-file"});
    return probe;
  }
  probe.is_available = true;
  for (const std::string& weakness : e2b_weaknesses({}, service_.api.host))
    probe.findings.push_back({Finding::State::kWeak, "weakness", weakness, ""});
  return probe;
}

Result<std::vector<std::string>> E2bRuntime::admit(const policy::Policy& policy) {
  TRY(expect_askable_of_e2b(policy));
  if (policy.require != policy::Boundary::kSharedKernel) {
    return Error(Code::kUnsupported, "the policy requires " + std::string(policy::to_string(policy.require)) +
                                         ", and the E2B API does not say what walls " + service_.api.host + " has");
  }
  std::vector<std::string> weaknesses = e2b_weaknesses(policy, service_.api.host);
  if (policy.on_weakness == policy::OnWeakness::kReport) return weaknesses;
  std::string all;
  for (const std::string& weakness : weaknesses) all += (all.empty() ? "" : "; ") + weakness;
  return Error(Code::kUnsupported, "the policy accepts no weakness, and there are some: " + all);
}

/// Makes the sandbox, and looks its name up, which must be done before this process gives its files up.
Result<Begun> E2bRuntime::begin(const runtime::CellSpec& spec) {
  const std::string& host = service_.api.host;
  if (spec.root.file || spec.writable)
    return Error(Code::kUnsupported, "a template of this machine is not there on " + host);
  TRY(admit(spec.policy));
  const std::string body = e2b_create_body(service_.template_name, kLeaseTime);
  const std::string answer = TRY(ask("POST", "/sandboxes", body));
  const E2bMade made = TRY(from(host, read_e2b_made(answer)));
  Lease lease = TRY(Lease::start(service_.api, made.id));
  const std::string details = TRY(ask("GET", "/sandboxes/" + made.id));
  if (TRY(from(host, read_e2b_online(details)))) {
    return Error(Code::kUnsupported,
                 host +
                     " does not say that the sandbox has no internet, as the policy wants it: it does not heed "
                     "allow_internet_access");
  }
  if (made.token.empty()) {
    return Error(Code::kUnsupported, host +
                                         " gives no token for the sandbox, so whatever runs in it could ask its envd "
                                         "to run more, as anybody: it does not heed \"secure\"");
  }
  Destination at = service_.sandboxes ? *service_.sandboxes
                                      : TRY(find_destination(TRY(envd_url(made, service_.api.url.authority)), {}));
  return Begun{.lease = std::move(lease),
               .job = {.at = std::move(at),
                       .id = made.id,
                       .token = made.token,
                       .program = service_.program,
                       .words = alone_words(spec.policy.limits)}};
}

/// Brings our agent in. The sandbox's life begins when we have it.
Task<std::unique_ptr<runtime::Cell>> E2bRuntime::finish(runtime::CellSpec spec, Result<Begun> begun, std::string host,
                                                        std::string template_name) {
  if (!begun) co_return std::move(begun).error();
  Begun sandbox = *std::move(begun);
  Fd tie = sandbox.lease.take_tie();
  CO_TRY(Relay relay, co_await start_envd_relay(std::move(sandbox.job), std::move(tie)));
  CO_TRY_VOID(co_await sandbox.lease.live_for(spec.lifetime));
  const auto executor = co_await asio::this_coro::executor;
  auto attestation = e2b_attestation(spec.policy, host, template_name, printable(relay.greeting));
  co_return make_remote_cell({.far = std::make_unique<E2bEnd>(std::move(sandbox.lease)),
                              .relay = std::move(relay),
                              .attestation = std::move(attestation)},
                             executor);
}

}  // namespace

Result<std::unique_ptr<runtime::Runtime>> make_e2b_runtime(E2bOptions options) {
  Service service{.api = TRY(find_destination(options.url, std::move(options.key), KeyField::kApiKey)),
                  .sandboxes = {},
                  .template_name = std::move(options.template_name),
                  .program = std::move(options.program)};
  if (!options.sandbox_url.empty()) service.sandboxes = TRY(find_destination(options.sandbox_url, {}));
  return std::make_unique<E2bRuntime>(std::move(service));
}

}  // namespace brig::runtimes::remote
