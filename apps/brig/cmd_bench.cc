/// brig bench: what a sandbox costs here, next to the bare program and to bubblewrap doing the same at the same time.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/value.hpp>

#include "async/run.h"
#include "base/number.h"
#include "bench_case.h"
#include "bench_walls.h"
#include "command.h"
#include "guest/session.h"
#include "json/json.h"
#include "options.h"
#include "process_memory.h"
#include "runtimes.h"
#include "samples.h"
#include "sys/file.h"
#include "sys/kernel.h"
#include "sys/process.h"

namespace brig::cli {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::vector<Case> make_cases(const std::string& brig, std::size_t rounds) {
  const CommandLine sandbox{brig, "run", "--quiet", "--"};
  const bool has_python = ::access("/usr/bin/python3", X_OK) == 0;
  std::vector<Case> cases;
  const auto add = [&](std::string name, const CommandLine& brig_command, const CommandLine& bare, std::size_t n,
                       std::size_t at_once) {
    Case c{.name = std::move(name),
           .contenders = {{.name = "brig", .command = brig_command}, {.name = "bare", .command = bare}},
           .rounds = n,
           .at_once = at_once};
    if (CommandLine wrapped = bwrap(bare); !wrapped.empty())
      c.contenders.push_back({.name = "bwrap", .command = std::move(wrapped)});
    cases.push_back(std::move(c));
  };
  const CommandLine nothing{"/usr/bin/true"};
  add("create + true + destroy", join(sandbox, nothing), nothing, rounds, 1);
  if (has_python) {
    add("python print(1)", {brig, "run", "--quiet", "-c", "print(1)"}, {"/usr/bin/python3", "-c", "print(1)"},
        rounds / 2, 1);
    add("python, numpy", {brig, "run", "--quiet", "-c", "import numpy; print(numpy.arange(10).sum())"},
        {"/usr/bin/python3", "-c", "import numpy; print(numpy.arange(10).sum())"}, rounds / 10, 1);
  }
  add("20 at once", join(sandbox, nothing), nothing, rounds / 20, 20);
  return cases;
}

class Silence final : public guest::OutputSink {
 public:
  void on_output(guest::Stream /*stream*/, std::span<const std::byte> /*bytes*/) override {}
};

/// Makes a sandbox, runs `true` in it, destroys it; through a launcher that is already there.
Task<> one_sandbox(runtime::Runtime& runtime, asio::any_io_executor executor, std::string id) {
  CO_TRY(auto cell, co_await runtime.create({.id = std::move(id), .policy = {}, .lifetime = Milliseconds(60'000)}));
  CO_TRY(auto session, guest::Session::connect(executor, cell->take_channel()));
  Silence silence;
  guest::ExecRequest request;
  request.argv = {"/usr/bin/true"};
  CO_TRY(auto process, co_await session->exec(std::move(request), silence));
  CO_TRY(const auto end, co_await process->wait());
  CO_TRY_VOID(co_await cell->destroy());
  if (end.is_signalled || end.value != 0) co_return Error(Code::kInternal, "`true` did not end well");
  co_return Result<>();
}

struct Throughput {
  double per_second = 0;
  std::size_t sandboxes = 0;
  std::size_t failures = 0;
};

/// Several workers, each making one sandbox after the other, through one launcher.
struct Workers {
  runtime::Runtime& runtime;
  asio::any_io_executor executor;
  std::size_t left = 0;
  Throughput done{};

  Task<> work() {
    while (left > 0) {
      --left;
      const std::string id = "bench-" + std::to_string(::getpid()) + "-" + std::to_string(left);
      const auto result = co_await one_sandbox(runtime, executor, id);
      if (result.has_value()) ++done.sandboxes;
      else ++done.failures;
    }
    co_return Result<>();
  }
};

Task<> work_together(Workers& workers) {
  using namespace asio::experimental::awaitable_operators;
  auto all = co_await (workers.work() && workers.work() && workers.work() && workers.work());
  (void)all;
  co_return Result<>();
}

Result<Throughput> measure_throughput(std::size_t count) {
  asio::io_context io(1);
  runtime::Walls walls = make_walls(Use::kOften);
  runtime::Runtime* const runtime = TRY(walls.find("process"));
  Workers workers{.runtime = *runtime, .executor = io.get_executor(), .left = count};
  const auto begin = Clock::now();
  TRY(run(io, work_together(workers)));
  workers.done.per_second = static_cast<double>(workers.done.sandboxes) * 1000 / milliseconds_since(begin);
  return workers.done;
}

struct Idle {
  std::size_t sandboxes = 0;
  double kib_each = 0;
};

Task<> fill(runtime::Runtime& runtime, asio::any_io_executor executor, std::size_t count,
            std::vector<std::unique_ptr<runtime::Cell>>& cells,
            std::vector<std::unique_ptr<guest::Session>>& sessions) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::string id = "idle-" + std::to_string(::getpid()) + "-" + std::to_string(i);
    CO_TRY(auto cell, co_await runtime.create({.id = id, .policy = {}, .lifetime = Milliseconds(120'000)}));
    CO_TRY(auto session, guest::Session::connect(executor, cell->take_channel()));
    CO_TRY_VOID(co_await session->ready());
    cells.push_back(std::move(cell));
    sessions.push_back(std::move(session));
  }
  co_return Result<>();
}

/// Many sandboxes at once, each with its agent answering; their processes' memory divided among them.
Result<Idle> measure_idle(std::size_t count) {
  asio::io_context io(1);
  runtime::Walls walls = make_walls(Use::kOften);
  runtime::Runtime* const runtime = TRY(walls.find("process"));
  std::vector<std::unique_ptr<runtime::Cell>> cells;
  std::vector<std::unique_ptr<guest::Session>> sessions;
  const auto filled = run(io, fill(*runtime, io.get_executor(), count, cells, sessions));
  Idle idle{.sandboxes = cells.size(), .kib_each = 0};
  if (idle.sandboxes > 0) {
    idle.kib_each = static_cast<double>(pss_below(std::to_string(::getpid()))) / static_cast<double>(idle.sandboxes);
  }
  sessions.clear();
  for (auto& cell : cells) TRY(run(io, cell->destroy()));
  if (!filled.has_value()) return filled.error();
  return idle;
}

/// A folder for what a bench needs, gone with it.
class Scratch {
 public:
  static Result<Scratch> make() {
    std::string name = "/tmp/brig-bench-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) return Error::last_system("make " + name);
    Scratch made(std::move(name));
    if (::chmod(made.path_.c_str(), 0755) != 0) return Error::last_system("chmod " + made.path_);  // a container's user
    return made;
  }
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch() {
    if (!path_.empty()) (void)sys::remove_tree(path_);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

struct BenchOptions {
  bool is_json = false;
  std::optional<std::string> runtime;
  std::size_t rounds = 200;
  std::size_t idle = 50;
};

Result<std::size_t> parse_count(const std::optional<std::string>& text, std::size_t otherwise, std::size_t most,
                                std::string_view flag) {
  if (!text) return otherwise;
  const auto number = whole_number<std::size_t>(*text);
  if (!number || *number < 1 || *number > most)
    return Error(Code::kInvalidArgument, std::string(flag) + ": a whole number from 1 to " + std::to_string(most));
  return *number;
}

/// Cases of a few rounds only are made five, as far as the caller's `most` allows.
void run_all(std::vector<Case>& cases, std::size_t most, const Streams& streams) {
  for (Case& c : cases) {
    c.rounds = std::max(c.rounds, std::min<std::size_t>(most, 5));
    run_case(c, streams);
  }
}

/// What every report in JSON begins with.
boost::json::object about(const std::vector<Case>& cases) {
  return {{"kernel", sys::kernel_name()}, {"processors", ::sysconf(_SC_NPROCESSORS_ONLN)}, {"cases", to_json(cases)}};
}

/// Of the walls: each next to its bare tool.
Result<> bench_walls(const BenchOptions& o, const std::string& brig, const Streams& streams) {
  const Scratch scratch = TRY(Scratch::make());
  WallCases walls = TRY(wall_cases(brig, *o.runtime, o.rounds, scratch.path()));
  run_all(walls.cases, o.rounds, streams);
  if (o.is_json) {
    boost::json::object all = about(walls.cases);
    boost::json::array skipped;
    for (const Skipped& one : walls.skipped) skipped.push_back({{"case", one.wall}, {"why", one.why}});
    all["skipped"] = std::move(skipped);
    return sys::write_all(FdRef(STDOUT_FILENO), json::write(all) + "\n");
  }
  std::string text = for_people(walls.cases);
  for (const Skipped& one : walls.skipped) text += one.wall + ": skipped (" + one.why + ")\n";
  return sys::write_all(FdRef(STDOUT_FILENO), text);
}

Result<> bench(const BenchOptions& o) {
  const std::string brig = TRY(sys::program_folder()) + "/brig";
  const Streams streams = TRY(Streams::open());
  if (o.runtime) return bench_walls(o, brig, streams);
  std::vector<Case> cases = make_cases(brig, o.rounds);
  run_all(cases, o.rounds, streams);
  const Throughput throughput = TRY(measure_throughput(o.rounds * 2));
  const Idle idle = TRY(measure_idle(o.idle));
  if (o.is_json) {
    boost::json::object all = about(cases);
    all["one_launcher"] = {{"sandboxes_per_second", throughput.per_second},
                           {"sandboxes", throughput.sandboxes},
                           {"failures", throughput.failures}};
    all["idle"] = {{"at_once", idle.sandboxes}, {"pss_kib_each", idle.kib_each}};
    return sys::write_all(FdRef(STDOUT_FILENO), json::write(all) + "\n");
  }
  std::string text = for_people(cases);
  text += "\none launcher, 4 at a time: " + decimal(throughput.per_second, 0) + " fresh sandboxes a second (" +
          std::to_string(throughput.sandboxes) + " made, " + std::to_string(throughput.failures) + " failed)\n";
  text += "idle: " + std::to_string(idle.sandboxes) + " at once, " + decimal(idle.kib_each, 0) +
          " KiB each (PSS of warden, agent and a share of the launcher)\n";
  return sys::write_all(FdRef(STDOUT_FILENO), text);
}

}  // namespace

int cmd_bench(const Arguments& arguments) {
  if (std::ranges::find(arguments, "--api") != arguments.end()) {
    Arguments rest = arguments;
    std::erase(rest, "--api");
    return cmd_bench_api(rest);
  }
  if (std::ranges::find(arguments, "--interpreter") != arguments.end()) return cmd_bench_api(arguments);
  bool is_api = false;
  bool is_interpreter = false;
  BenchOptions o;
  std::optional<std::string> rounds;
  std::optional<std::string> idle;
  Options options("bench [--api] [--interpreter] [--runtime NAME] [--json] [-n N] [--idle N]",
                  "Measures what a sandbox costs on this host, next to the bare program and to bubblewrap.");
  options.flag("--api", is_api, "Measure the service instead (brig bench --api --help says more)");
  options.flag("--interpreter", is_interpreter,
               "Measure contexts of the service (brig bench --interpreter --help says more)");
  options.option("--runtime", o.runtime, "NAME",
                 "Measure this wall, or all of them, next to the bare tool that makes such a wall (bwrap, runc, runsc, "
                 "docker, podman)");
  options.flag("--json", o.is_json, "Print one JSON object");
  options.option("-n,--rounds", rounds, "N", "Rounds of the shortest case (200); the others take fewer");
  options.option("--idle", idle, "N", "Sandboxes that are alive at once for the memory figure (50)");
  if (const auto code = options.parse(arguments)) return *code;
  auto round_count = parse_count(rounds, o.rounds, 100'000, "--rounds");
  if (!round_count.has_value()) return usage_error(round_count.error().message());
  auto idle_count = parse_count(idle, o.idle, 10'000, "--idle");
  if (!idle_count.has_value()) return usage_error(idle_count.error().message());
  o.rounds = *round_count;
  o.idle = *idle_count;
  const auto result = bench(o);
  if (result.has_value()) return 0;
  if (result.error().code() == Code::kInvalidArgument) return usage_error(result.error().message());
  complain("bench: " + result.error().message());
  return runtime::kFailedExitCode;
}

}  // namespace brig::cli
