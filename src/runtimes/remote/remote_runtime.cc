#include "runtimes/remote/remote_runtime.h"

#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

#include "async/run.h"
#include "async/timer.h"
#include "runtimes/remote/brig_end.h"
#include "runtimes/remote/remote_cell.h"
#include "runtimes/remote/server.h"

namespace brig::runtimes::remote {
namespace {

using runtime::Finding;

/// Between its being made over there and its channel being connected a sandbox with less could end.
constexpr Milliseconds kLifetimeLeast{30'000};
constexpr Milliseconds kCleanUpLimit{5'000};

class RemoteRuntime final : public runtime::Runtime {
 public:
  RemoteRuntime(Destination destination, bool is_trusted)
      : destination_(std::move(destination)), is_trusted_(is_trusted) {}

  [[nodiscard]] std::string_view name() const override { return "remote"; }
  [[nodiscard]] runtime::Capabilities capabilities() const override {
    return {.may_pause = foreseen_ && foreseen_->may_pause, .may_mount = false};
  }
  runtime::Probe probe() override;
  Result<std::vector<std::string>> admit(const policy::Policy& policy) override;
  Task<std::unique_ptr<runtime::Cell>> create(runtime::CellSpec spec) override {
    auto weaknesses = expect_plain(spec) ? admit(spec.policy) : expect_plain(spec).error();
    return make(std::move(spec), std::move(weaknesses), destination_, is_trusted_);
  }

 private:
  [[nodiscard]] Result<> expect_plain(const runtime::CellSpec& spec) const {
    if (!spec.root.file && !spec.writable) return {};
    return Error(Code::kUnsupported, "a template of this machine is not there on " + destination_.host);
  }
  static std::string own_weakness(const std::string& host, bool is_trusted);
  static runtime::Attestation label(runtime::Attestation theirs, const std::string& host, bool is_trusted);
  static Task<std::unique_ptr<runtime::Cell>> make(runtime::CellSpec spec, Result<std::vector<std::string>> weaknesses,
                                                   Destination destination, bool is_trusted);
  static Task<runtime::Attestation> begin(Server& server, std::string path, Relay& relay, Milliseconds lifetime);

  Destination destination_;
  bool is_trusted_;
  std::optional<policy::Policy> asked_;  ///< what foreseen_ is the answer to
  std::optional<Foreseen> foreseen_;
};

std::string RemoteRuntime::own_weakness(const std::string& host, bool is_trusted) {
  return "attestation: said by " + host + ", not seen by this machine" +
         (is_trusted ? "" : "; its boundary counts as the weakest");
}

/// Their words, as theirs.
runtime::Attestation RemoteRuntime::label(runtime::Attestation theirs, const std::string& host, bool is_trusted) {
  runtime::Attestation a = std::move(theirs);
  a.remote = {.host = host, .runtime = a.runtime, .boundary = std::string(policy::to_string(a.boundary))};
  a.runtime = "remote";
  if (!is_trusted) a.boundary = policy::Boundary::kSharedKernel;
  for (std::string& weakness : a.weaknesses) weakness.insert(0, host + ": ");
  a.weaknesses.push_back(own_weakness(host, is_trusted));
  return a;
}

runtime::Probe RemoteRuntime::probe() {
  runtime::Probe probe{.is_available = false, .boundary = policy::Boundary::kSharedKernel, .findings = {}};
  const auto admitted = admit({});
  if (!admitted) {
    probe.findings.push_back({Finding::State::kMissing, "another Brig", admitted.error().message(),
                              "brig serve over there, and one of its keys in --remote-key-file"});
    return probe;
  }
  probe.is_available = true;
  for (const std::string& weakness : *admitted)
    probe.findings.push_back({Finding::State::kWeak, "weakness", weakness, ""});
  return probe;
}

Result<std::vector<std::string>> RemoteRuntime::admit(const policy::Policy& policy) {
  const std::string own = own_weakness(destination_.host, is_trusted_);
  if (policy.on_weakness == policy::OnWeakness::kRefuse)
    return Error(Code::kUnsupported, "the policy accepts no weakness, and there is one: " + own);
  if (policy.require != policy::Boundary::kSharedKernel && !is_trusted_) {
    return Error(Code::kUnsupported, "the policy requires " + std::string(policy::to_string(policy.require)) +
                                         ", and " + destination_.host +
                                         " is not trusted to say what it has (--remote-trusted)");
  }
  if (!asked_ || *asked_ != policy) {
    const std::string body = TRY(create_body(policy, kLifetimeLeast, true));
    asio::io_context io(1);
    Server server(io.get_executor(), destination_);
    const std::string answer = TRY(brig::run(io, server.ask("POST", "/v1/sandboxes", body)));
    foreseen_ = TRY(from(destination_.host, read_foreseen(answer)));
    asked_ = policy;
  }
  std::vector<std::string> weaknesses;
  for (const std::string& weakness : foreseen_->weaknesses) weaknesses.push_back(destination_.host + ": " + weakness);
  weaknesses.push_back(own);
  return weaknesses;
}

/// What is between a sandbox over there and a cell here. Its life begins when we have it.
Task<runtime::Attestation> RemoteRuntime::begin(Server& server, std::string path, Relay& relay, Milliseconds lifetime) {
  CO_TRY(relay, co_await start_relay(server.destination(), path + "/channel"));
  CO_TRY(const std::string text, co_await server.ask("GET", path + "/attestation"));
  CO_TRY(auto attestation, from(server.destination().host, read_attestation(text)));
  if (lifetime.count() != 0 && lifetime < kLifetimeLeast) {
    CO_TRY_VOID(co_await server.ask("PATCH", path + "/lifecycle", lifetime_body(lifetime)));
  }
  co_return attestation;
}

Task<std::unique_ptr<runtime::Cell>> RemoteRuntime::make(runtime::CellSpec spec,
                                                         Result<std::vector<std::string>> weaknesses,
                                                         Destination destination, bool is_trusted) {
  if (!weaknesses) co_return std::move(weaknesses).error();
  const auto executor = co_await asio::this_coro::executor;
  const Milliseconds first = spec.lifetime.count() == 0 ? spec.lifetime : std::max(spec.lifetime, kLifetimeLeast);
  CO_TRY(const std::string body, create_body(spec.policy, first, false));
  const std::string host = destination.host;
  auto server = std::make_unique<Server>(executor, std::move(destination));
  CO_TRY(const std::string created, co_await server->ask("POST", "/v1/sandboxes", body));
  CO_TRY(const std::string id, from(host, read_created(created)));
  Relay relay;
  auto attestation = co_await begin(*server, sandbox_path(id), relay, spec.lifetime);
  if (!attestation) {
    if (attestation.error().code() != Code::kCancelled)
      (void)co_await with_timeout(kCleanUpLimit, server->ask("DELETE", sandbox_path(id)), "removing the sandbox");
    co_return std::move(attestation).error();
  }
  co_return make_remote_cell({.far = make_brig_end(std::move(server), id),
                              .relay = std::move(relay),
                              .attestation = label(*std::move(attestation), host, is_trusted)},
                             executor);
}

}  // namespace

Result<std::unique_ptr<runtime::Runtime>> make_remote_runtime(RemoteOptions options) {
  return std::make_unique<RemoteRuntime>(TRY(find_destination(options.url, std::move(options.key))),
                                         options.is_trusted);
}

}  // namespace brig::runtimes::remote
