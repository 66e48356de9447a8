#include "bench_interpreter.h"

#include <signal.h>

#include <algorithm>
#include <chrono>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/value.hpp>

#include "answer.h"
#include "async/run.h"
#include "async/timer.h"
#include "bench_client.h"
#include "bench_peer.h"
#include "json/json.h"

namespace brig::client {
namespace {

namespace bj = boost::json;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kTroublesMost = 20;
/// How long prepared sandboxes and zygotes are waited for.
constexpr Milliseconds kWarmPatience{60'000};
constexpr Milliseconds kLook{50};

/// As much memory as starts no zygote, and as much as does.
const std::string kSmall = R"({"ttl_seconds":3600,"limits":{"memory":"250M"}})";
const std::string kLarge = R"({"ttl_seconds":3600,"limits":{"memory":"1G"}})";
const std::string kDefault = R"({"ttl_seconds":3600})";

const std::string kImports = "import numpy as np, pandas as pd, matplotlib.pyplot as plt";
const std::string kFrame =
    "import pandas as pd\npd.DataFrame({'city': ['Oslo', 'Rome', 'Lima'], 'rain': [1.5, 2.0, None]})";
const std::string kPlot =
    "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3], [4, 1, 9], label='a')\nplt.title('title')\nplt.legend();";

/// In this order, with Brig as with its peers.
const std::vector<std::pair<std::string, std::string>> kCells{
    {"imports", kImports}, {"1 + 1", "1 + 1"}, {"first data frame", kFrame},
    {"first plot", kPlot}, {"plot", kPlot},    {"plot", kPlot}};

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

class InterpreterBench {
 public:
  InterpreterBench(const InterpreterOptions& options, const Where& where, const Where& owner)
      : options_(options), where_(where), owner_at_(owner) {}

  Result<InterpreterFigures> run() {
    client_ = TRY(BenchClient::open(io_.get_executor(), where_));
    owner_ = TRY(BenchClient::open(io_.get_executor(), owner_at_));
    TRY(brig::run(io_, unless_told_to_stop()));
    return std::move(figures_);
  }

 private:
  Task<> unless_told_to_stop() {
    using namespace asio::experimental::awaitable_operators;
    asio::signal_set signals(io_, SIGINT, SIGTERM, SIGHUP);
    sigset_t held;
    ::sigemptyset(&held);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&held, signal);
    ::sigprocmask(SIG_UNBLOCK, &held, nullptr);
    auto over = co_await (all() || signals.async_wait(asio::use_awaitable));
    if (over.index() == 1) co_return Error(Code::kCancelled, "stopped by a signal");
    co_return std::get<0>(std::move(over));
  }

  Task<> all();
  Task<> one_round(bool counts);
  Task<> one_context(std::string id, std::string name);
  Task<> whole_task();
  void one_peer(Peer& peer, const std::string& name);
  Task<std::string> open_context(std::string id);
  Task<> run_cell(std::string id, std::string context, std::string code);
  Task<double> metric(std::string line);
  Task<> wait_for(std::string line, double least);

  cli::Samples& of(const std::string& name) {
    const auto found = std::ranges::find(*list_, name, &NamedSamples::name);
    return found != list_->end() ? found->samples : list_->emplace_back(name).samples;
  }
  bool note(const std::string& name, Clock::time_point begin, const Result<>& done) {
    const double took = milliseconds_since(begin);
    if (done) {
      of(name).add(took);
      return true;
    }
    of(name).add_failure();
    const std::string text = name + ": " + done.error().message();
    if (figures_.troubles.size() < kTroublesMost &&
        std::ranges::find(figures_.troubles, text) == figures_.troubles.end())
      figures_.troubles.push_back(text);
    return false;
  }

  const InterpreterOptions& options_;
  const Where& where_;
  const Where& owner_at_;
  asio::io_context io_{1};
  std::unique_ptr<BenchClient> client_;
  std::unique_ptr<BenchClient> owner_;
  std::string large_;
  std::string small_;
  InterpreterFigures figures_;
  std::vector<NamedSamples> unused_;
  std::vector<NamedSamples>* list_ = &figures_.rounds;
};

Task<std::string> InterpreterBench::open_context(std::string id) {
  CO_TRY(const std::string answer, co_await client_->ask("POST", "/v1/sandboxes/" + id + "/contexts", "{}"));
  CO_TRY(const auto value, json::parse(answer));
  co_return id_of(value);
}

Task<> InterpreterBench::run_cell(std::string id, std::string context, std::string code) {
  std::string body = json::write(bj::object{{"code", code}, {"timeout_ms", 60'000}});
  CO_TRY(const std::string answer,
         co_await client_->ask("POST", "/v1/sandboxes/" + id + "/contexts/" + context + "/run", std::move(body)));
  CO_TRY(const auto value, json::parse(answer));
  if (!value.is_object() || text_at(value.as_object(), "status") != "ok")
    co_return Error(Code::kInternal, "the cell did not end well: " + answer.substr(0, 400));
  co_return Result<>();
}

/// The value of a line of the metrics; 0 if there is none.
Task<double> InterpreterBench::metric(std::string line) {
  CO_TRY(const std::string text, co_await owner_->ask("GET", "/metrics"));
  const std::size_t at = text.find("\n" + line + " ");
  if (at == std::string::npos) co_return 0.0;
  co_return std::strtod(text.c_str() + at + line.size() + 2, nullptr);
}

Task<> InterpreterBench::wait_for(std::string line, double least) {
  for (const auto begin = Clock::now(); milliseconds_since(begin) < static_cast<double>(kWarmPatience.count());) {
    CO_TRY(const double value, co_await metric(line));
    if (value >= least) co_return Result<>();
    CO_TRY_VOID(co_await sleep(kLook));
  }
  co_return Error(Code::kUnavailable, line + " did not become " + std::to_string(static_cast<int>(least)));
}

Task<> InterpreterBench::all() {
  CO_TRY(const MadeSandbox large, co_await client_->create(kLarge));
  CO_TRY(const MadeSandbox small, co_await client_->create(kSmall));
  large_ = large.id;
  small_ = small.id;
  // The first context starts the zygote behind it; others follow until one is forked.
  const std::string forked = R"(brig_interpreters_total{way="forked"})";
  for (int i = 0; i < 60; ++i) {
    CO_TRY(const std::string context, co_await open_context(large_));
    CO_TRY_VOID(co_await client_->ask("DELETE", "/v1/sandboxes/" + large_ + "/contexts/" + context));
    CO_TRY(const double count, co_await metric(forked));
    if (count > 0) break;
    CO_TRY_VOID(co_await sleep(Milliseconds{500}));
  }
  for (std::size_t round = 0; round < options_.rounds + 1; ++round) CO_TRY_VOID(co_await one_round(round > 0));
  for (const char* way : {"forked", "cold", "fallback"}) {
    CO_TRY(const double count, co_await metric(std::string("brig_interpreters_total{way=\"") + way + "\"}"));
    figures_.starts += (figures_.starts.empty() ? "" : ", ") + std::string(way) + " " +
                       std::to_string(static_cast<std::uint64_t>(count));
  }
  for (const std::string& id : {large_, small_}) CO_TRY_VOID(co_await client_->kill(id));
  co_return Result<>();
}

/// The first round is not counted: files are read from disk in it.
Task<> InterpreterBench::one_round(bool counts) {
  unused_.clear();
  list_ = counts ? &figures_.rounds : &unused_;
  // Processes of the round before, and what prepares the next sandbox, would be measured otherwise.
  CO_TRY_VOID(co_await wait_for(R"(brig_pool_ready{runtime="process",template="host"})", 1));
  CO_TRY_VOID(co_await whole_task());
  CO_TRY_VOID(co_await wait_for(R"(brig_pool_ready{runtime="process",template="host"})", 1));
  CO_TRY_VOID(co_await one_context(large_, "brig, forked"));
  CO_TRY_VOID(co_await one_context(small_, "brig, cold"));
  auto bare = Peer::start(options_.python, kBarePeer);
  if (bare) one_peer(*bare, "bare python");
  if (options_.jupyter) {
    auto jupyter = Peer::start(*options_.jupyter, kJupyterPeer);
    if (jupyter) one_peer(*jupyter, "ipykernel");
  }
  co_return Result<>();
}

/// What somebody waits for who wants one cell run: a sandbox, a context, the cell.
Task<> InterpreterBench::whole_task() {
  const auto begin = Clock::now();
  CO_TRY(const MadeSandbox made, co_await client_->create(kDefault));
  if (made.is_from_pool && list_ == &figures_.rounds) ++figures_.from_pool;
  auto context = co_await open_context(made.id);
  auto ran = context ? co_await run_cell(made.id, *context, "1 + 1") : Result<>(context.error());
  note("brig: create + context + 1 + 1", begin, ran);
  co_return co_await client_->kill(made.id);
}

Task<> InterpreterBench::one_context(std::string id, std::string name) {
  auto begin = Clock::now();
  const auto context = co_await open_context(id);
  if (!note(name + ": context", begin, context ? Result<>() : Result<>(context.error()))) co_return Result<>();
  for (const auto& [what, code] : kCells) {
    begin = Clock::now();
    const auto ran = co_await run_cell(id, *context, code);
    note(name + ": " + what, begin, ran);
  }
  CO_TRY_VOID(co_await client_->ask("DELETE", "/v1/sandboxes/" + id + "/contexts/" + *context));
  co_return Result<>();
}

void InterpreterBench::one_peer(Peer& peer, const std::string& name) {
  auto begin = Clock::now();
  if (!note(name + ": start", begin, peer.ask("start"))) return;
  for (const auto& [what, code] : kCells) {
    begin = Clock::now();
    note(name + ": " + what, begin, peer.ask("run", code));
  }
  (void)peer.ask("stop");
}

}  // namespace

Result<InterpreterFigures> measure_interpreters(const InterpreterOptions& options, const Where& where,
                                                const Where& owner) {
  return InterpreterBench(options, where, owner).run();
}

}  // namespace brig::client
