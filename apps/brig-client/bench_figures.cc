#include "bench_figures.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <numeric>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "../brig/process_memory.h"
#include "async/notifier.h"
#include "async/run.h"
#include "async/task_group.h"
#include "async/timer.h"
#include "base/buffer.h"
#include "bench_client.h"
#include "http/listen.h"
#include "sys/file.h"
#include "sys/process.h"

namespace brig::client {
namespace {

using Clock = std::chrono::steady_clock;
using cli::Samples;

/// Long enough for the pool to have one ready again.
constexpr Milliseconds kPoolPause{25};
constexpr std::size_t kCyclesEach = 20;
constexpr std::size_t kRateClients = 8;
constexpr std::size_t kStreamRounds = 3;
constexpr std::size_t kTroublesMost = 20;

const std::string kDefault = R"({"ttl_seconds":3600})";
/// Rounds in which each wall is looked at by itself.
constexpr std::size_t kWallRounds = 50;

/// A limit that nobody had before: made from nothing, and never prepared for.
std::string unprepared(const std::string& more = {}) {
  static int number = 1000;
  return R"({"ttl_seconds":3600,"limits":{"pids":)" + std::to_string(++number) + "}" + more + "}";
}

const std::vector<std::string> kEnvironment{"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/tmp"};

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// The time of one act, or one more failure. Returns what it took.
class Stopwatch {
 public:
  explicit Stopwatch(Samples& samples) : samples_(samples) {}
  double stop(bool is_good) {
    const double took = milliseconds_since(begin_);
    if (is_good) samples_.add(took);
    else samples_.add_failure();
    return took;
  }

 private:
  Samples& samples_;
  Clock::time_point begin_ = Clock::now();
};

sigset_t ending_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&set, signal);
  return set;
}

class Bench {
 public:
  Bench(const BenchOptions& options, const Where& where, const std::optional<std::string>& keeper)
      : options_(options), where_(where), keeper_(keeper) {}

  Result<Figures> run() {
    client_ = TRY(BenchClient::open(io_.get_executor(), where_));
    TRY(brig::run(io_, unless_told_to_stop()));
    return std::move(figures_);
  }

 private:
  Task<> unless_told_to_stop();
  Task<> all();
  Task<> rounds();
  Task<> one_round(std::string living, bool counts);
  Task<> walls();
  Task<> one_wall(std::string name);
  Task<> crowd();
  Task<> one_of_crowd(std::size_t cycles);
  Task<> rate();
  Task<> make_and_kill(Clock::time_point until);
  Task<> idle();
  Task<> streams();
  Task<> one_stream_round(std::string id);
  template <class MakeTask>
  Task<> together(std::size_t count, MakeTask make);
  void bare(const std::string& name, const std::vector<std::string>& command);
  void bare_stream();

  Samples& of(std::vector<NamedSamples>& list, const std::string& name) {
    const auto found = std::ranges::find(list, name, &NamedSamples::name);
    if (found != list.end()) return found->samples;
    return list.emplace_back(name).samples;
  }
  template <class T>
  bool noted(const Result<T>& result) {
    if (result.has_value()) return true;
    const std::string& text = result.error().message();
    if (figures_.troubles.size() < kTroublesMost &&
        std::ranges::find(figures_.troubles, text) == figures_.troubles.end())
      figures_.troubles.push_back(text);
    return false;
  }

  const BenchOptions& options_;
  const Where& where_;
  const std::optional<std::string>& keeper_;
  asio::io_context io_{1};
  std::unique_ptr<BenchClient> client_;
  Samples unused_;
  Figures figures_;
};

Task<> Bench::unless_told_to_stop() {
  using namespace asio::experimental::awaitable_operators;
  asio::signal_set signals(io_, SIGINT, SIGTERM, SIGHUP);
  const sigset_t held = ending_signals();
  ::sigprocmask(SIG_UNBLOCK, &held, nullptr);
  auto over = co_await (all() || signals.async_wait(asio::use_awaitable));
  if (over.index() == 1) co_return Error(Code::kCancelled, "stopped by a signal");
  co_return std::get<0>(std::move(over));
}

Task<> Bench::all() {
  CO_TRY_VOID(co_await client_->healthz());
  CO_TRY_VOID(co_await rounds());
  CO_TRY_VOID(co_await walls());
  CO_TRY_VOID(co_await crowd());
  CO_TRY_VOID(co_await rate());
  CO_TRY_VOID(co_await idle());
  co_return co_await streams();
}

/// One after the other, so that all of them meet the same load of the machine.
Task<> Bench::rounds() {
  CO_TRY(const MadeSandbox living, co_await client_->create(kDefault));
  constexpr std::size_t kWarmUp = 2;
  for (std::size_t round = 0; round < options_.rounds + kWarmUp; ++round)
    CO_TRY_VOID(co_await one_round(living.id, round >= kWarmUp));
  co_return co_await client_->kill(living.id);
}

Task<> Bench::one_round(std::string living, bool counts) {
  std::vector<NamedSamples> warm_up;
  std::vector<NamedSamples>& list = counts ? figures_.rounds : warm_up;
  // In this order in the report.
  for (const char* name : {"healthz", "create (pool)", "create (made)", "exec true", "create + exec + kill", "kill"})
    (void)of(list, name);
  Stopwatch healthz(of(list, "healthz"));
  healthz.stop(noted(co_await client_->healthz()));
  CO_TRY_VOID(co_await sleep(kPoolPause));

  Stopwatch whole(of(list, "create + exec + kill"));
  const auto begin = Clock::now();
  const auto made = co_await client_->create(kDefault);
  const double took = milliseconds_since(begin);
  if (!noted(made)) {
    of(list, "create (pool)").add_failure();
  } else {
    const bool is_from_pool = made->is_from_pool;
    of(list, is_from_pool ? "create (pool)" : "create (made)").add(took);
    if (counts && is_from_pool) ++figures_.from_pool;
    const auto ran = co_await client_->exec_true(made->id);
    Stopwatch kill(of(list, "kill"));
    const auto killed = co_await client_->kill(made->id);
    kill.stop(noted(killed));
    whole.stop(noted(ran) && killed.has_value());
  }

  Stopwatch exec(of(list, "exec true"));
  exec.stop(noted(co_await client_->exec_true(living)));
  Stopwatch making(of(list, "create (made)"));
  const auto cold = co_await client_->create(unprepared());
  making.stop(noted(cold));
  if (cold.has_value()) (void)noted(co_await client_->kill(cold->id));

  if (!counts) co_return Result<>();
  bare("fork + exec true", {"/usr/bin/true"});
  if (::access("/usr/bin/bwrap", X_OK) == 0) {
    bare("bwrap true",
         {"/usr/bin/bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib",
          "/lib", "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "/usr/bin/true"});
  }
  co_return Result<>();
}

/// Each wall that works here and may be used, one after the other in each round.
Task<> Bench::walls() {
  CO_TRY(const std::vector<std::string> names, co_await client_->walls());
  for (const std::string& name : names) {
    for (const char* kind : {"pool", "made", "exec true"}) (void)of(figures_.walls, name + " (" + kind + ")");
  }
  for (std::size_t round = 0; round < std::min(kWallRounds, options_.rounds); ++round) {
    for (const std::string& name : names) CO_TRY_VOID(co_await one_wall(name));
  }
  co_return Result<>();
}

Task<> Bench::one_wall(std::string name) {
  const std::string wall = R"(,"runtime":")" + name + "\"";
  for (const std::string& body : {R"({"ttl_seconds":3600)" + wall + "}", unprepared(wall)}) {
    const auto begin = Clock::now();
    const auto made = co_await client_->create(body);
    const double took = milliseconds_since(begin);
    if (!noted(made)) {
      of(figures_.walls, name + " (made)").add_failure();
      continue;
    }
    of(figures_.walls, name + (made->is_from_pool ? " (pool)" : " (made)")).add(took);
    Stopwatch exec(of(figures_.walls, name + " (exec true)"));
    exec.stop(noted(co_await client_->exec_true(made->id)));
    (void)noted(co_await client_->kill(made->id));
    CO_TRY_VOID(co_await sleep(kPoolPause));
  }
  co_return Result<>();
}

/// The same program without us.
void Bench::bare(const std::string& name, const std::vector<std::string>& command) {
  const auto null = sys::open("/dev/null", O_RDWR);
  if (!noted(null)) return;
  const std::vector<sys::Inherited> fds{{null->ref(), 0}, {null->ref(), 1}, {null->ref(), 2}};
  Stopwatch watch(of(figures_.rounds, name));
  auto child = sys::spawn(command.front(), std::span(command).subspan(1), kEnvironment, fds);
  const auto end = child.has_value() ? child->wait() : Result<sys::ProcessEnd>(child.error());
  watch.stop(noted(end) && !end->is_signal && end->value == 0);
}

/// `count` tasks at once; returns when all have ended.
template <class MakeTask>
Task<> Bench::together(std::size_t count, MakeTask make) {
  TaskGroup tasks(io_.get_executor());
  for (std::size_t i = 0; i < count; ++i) tasks.spawn(make());
  constexpr Milliseconds kLook{2};
  while (tasks.size() > 0) CO_TRY_VOID(co_await sleep(kLook));
  co_return Result<>();
}

Task<> Bench::crowd() {
  figures_.crowd.clients = options_.clients;
  const std::size_t cycles = std::min(kCyclesEach, options_.rounds);
  const auto begin = Clock::now();
  CO_TRY_VOID(co_await together(options_.clients, [this, cycles] { return one_of_crowd(cycles); }));
  const double took = milliseconds_since(begin);
  figures_.crowd.per_second = static_cast<double>(figures_.crowd.whole.count()) * 1000 / took;
  co_return Result<>();
}

Task<> Bench::one_of_crowd(std::size_t cycles) {
  CO_TRY(const auto client, BenchClient::open(io_.get_executor(), where_));
  Crowd& crowd = figures_.crowd;
  for (std::size_t i = 0; i < cycles; ++i) {
    Stopwatch whole(crowd.whole);
    Stopwatch create(crowd.create);
    const auto made = co_await client->create(kDefault);
    create.stop(noted(made));
    if (!made.has_value()) {
      whole.stop(false);
      continue;
    }
    Stopwatch exec(crowd.exec);
    const auto ran = co_await client->exec_true(made->id);
    exec.stop(noted(ran));
    Stopwatch kill(crowd.kill);
    const auto killed = co_await client->kill(made->id);
    kill.stop(noted(killed));
    whole.stop(ran.has_value() && killed.has_value());
  }
  co_return Result<>();
}

Task<> Bench::rate() {
  figures_.rate.clients = kRateClients;
  const auto begin = Clock::now();
  const auto until = begin + std::chrono::seconds(options_.seconds);
  CO_TRY_VOID(co_await together(kRateClients, [this, until] { return make_and_kill(until); }));
  figures_.rate.seconds = milliseconds_since(begin) / 1000;
  co_return Result<>();
}

Task<> Bench::make_and_kill(Clock::time_point until) {
  CO_TRY(const auto client, BenchClient::open(io_.get_executor(), where_));
  while (Clock::now() < until) {
    const auto made = co_await client->create(kDefault);
    bool is_good = noted(made);
    if (is_good) is_good = noted(co_await client->kill(made->id));
    if (is_good) ++figures_.rate.sandboxes;
    else ++figures_.rate.failures;
  }
  co_return Result<>();
}

Task<> Bench::idle() {
  Idle& idle = figures_.idle;
  constexpr Milliseconds kSettle{1'000};  // the network namespaces of earlier sandboxes are taken down a little later
  CO_TRY_VOID(co_await sleep(kSettle));
  const std::size_t before = cli::memory_available();
  std::vector<std::string> ids;
  std::vector<double> times;
  for (std::size_t i = 0; i < options_.idle; ++i) {
    const auto begin = Clock::now();
    auto made = co_await client_->create(kDefault);
    if (!noted(made)) break;
    times.push_back(milliseconds_since(begin));
    ids.push_back(std::move(made->id));
  }
  idle.sandboxes = ids.size();
  const auto tenth = static_cast<std::ptrdiff_t>(std::max<std::size_t>(1, times.size() / 10));
  const auto mean = [tenth](auto from) {
    return std::accumulate(from, from + tenth, 0.0) / static_cast<double>(tenth);
  };
  if (!times.empty()) {
    idle.create_ms_first = mean(times.begin());
    idle.create_ms_last = mean(times.end() - tenth);
  }
  CO_TRY_VOID(co_await sleep(kSettle));
  if (keeper_) {
    constexpr double kKibInMb = 1000.0 * 1000 / 1024;
    idle.processes_mb = static_cast<double>(cli::pss_of(*keeper_) + cli::pss_below(*keeper_)) / kKibInMb;
    const std::size_t after = cli::memory_available();
    idle.in_all_mb = static_cast<double>(before - std::min(before, after)) / kKibInMb;
  }
  for (const std::string& id : ids) (void)noted(co_await client_->kill(id));
  co_return Result<>();
}

Task<> Bench::streams() {
  // Room for the file twice: the one that comes gets its name, and the old one goes, when all of it is there.
  const std::uint64_t disk = 2 * options_.megabytes * 1'000'000 + 64'000'000;
  const std::uint64_t memory = disk + 256'000'000;
  const std::string body = R"({"ttl_seconds":3600,"limits":{"timeout":"300s","disk":)" + std::to_string(disk) +
                           R"(,"memory":)" + std::to_string(memory) + "}}";
  const auto made = co_await client_->create(body);
  if (!noted(made)) co_return Result<>();
  for (std::size_t round = 0; round < kStreamRounds; ++round) CO_TRY_VOID(co_await one_stream_round(made->id));
  (void)noted(co_await client_->kill(made->id));
  co_return Result<>();
}

Task<> Bench::one_stream_round(std::string id) {
  const std::uint64_t size = options_.megabytes * 1'000'000;
  const auto add = [&](const char* name, Clock::time_point begin, const Result<>& done) {
    Samples& samples = of(figures_.streams, name);
    if (noted(done)) samples.add(static_cast<double>(options_.megabytes) * 1000 / milliseconds_since(begin));
    else samples.add_failure();
  };
  auto begin = Clock::now();
  add("file in", begin, co_await client_->upload(id, size));
  begin = Clock::now();
  add("file out", begin, co_await client_->download(id, size));
  begin = Clock::now();
  add("output, WebSocket", begin, co_await client_->follow(id, size));
  begin = Clock::now();
  add("output, events", begin, co_await client_->follow_events(id, size));
  bare_stream();
  co_return Result<>();
}

/// The same program's output over a loopback connection without us.
void Bench::bare_stream() {
  const auto listener = http::listen_on({.is_unix = false, .host = "127.0.0.1", .port = 0, .path = {}});
  if (!noted(listener)) return;
  const auto where = http::endpoint_of(listener->ref());
  if (!noted(where)) return;
  const Fd ours(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address{
      .sin_family = AF_INET, .sin_port = htons(where->port), .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}};
  if (::connect(ours.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) return;
  Fd theirs(::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
  const auto null = sys::open("/dev/null", O_RDWR);
  if (!theirs.is_open() || !noted(null) || !noted(sys::set_nonblocking(theirs.ref(), false))) return;
  const std::vector<sys::Inherited> fds{{null->ref(), 0}, {theirs.ref(), 1}, {null->ref(), 2}};
  const std::vector<std::string> command{
      "-c", "yes 'one line of text' | head -c " + std::to_string(options_.megabytes * 1'000'000)};
  const auto begin = Clock::now();
  auto child = sys::spawn("/bin/sh", command, kEnvironment, fds);
  theirs.reset();
  if (!noted(child)) return;
  Buffer buffer(std::size_t{64} << 10);
  while (::recv(ours.get(), buffer.bytes().data(), buffer.bytes().size(), 0) > 0) {
  }
  of(figures_.streams, "output, without us")
      .add(static_cast<double>(options_.megabytes) * 1000 / milliseconds_since(begin));
  (void)child->wait();
}

}  // namespace

void hold_signals() {
  const sigset_t set = ending_signals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

Result<Figures> measure(const BenchOptions& options, const Where& where, const std::optional<std::string>& keeper) {
  return Bench(options, where, keeper).run();
}

}  // namespace brig::client
