/// brig bench --api: what the service costs here, next to what a program costs without it at the same time.
///
/// Nothing is asserted: the figures of docs/service.md's aims are for a quiet machine, and ratios come first.
#include <algorithm>
#include <optional>
#include <string>

#include <boost/json/value.hpp>

#include "../brig/options.h"
#include "answer.h"
#include "base/number.h"
#include "bench_figures.h"
#include "bench_interpreter.h"
#include "commands.h"
#include "own_daemon.h"
#include "runtime/exit.h"

namespace brig::client {
namespace {

struct Count {
  const char* flag;
  const char* help;
  std::size_t* value;
  std::size_t most;
  std::optional<std::string> text = {};
};

/// The daemon that was named, or one of our own for as long as this takes.
Result<Figures> bench(const BenchOptions& options) {
  if (options.url) {
    const Where where = find_daemon(options.url, options.key);
    return measure(options, where, {});
  }
  hold_signals();
  constexpr std::size_t kBeside = 100;  // those of the other figures
  // The memory is promised, not used: whether it is there is what is measured.
  const std::vector<std::string> flags{"--sandboxes", std::to_string(options.idle + options.clients + kBeside),
                                       "--memory-in-all", "64T"};
  const auto daemon = TRY(OwnDaemon::start("bench", flags));
  const auto owner = TRY(Remote::open({.url = daemon->owner_url(), .key = {}}));
  const boost::json::object label{{"label", "bench"}};
  const auto made = TRY(owner->ask("POST", "/v1/keys", &label));
  return measure(options, {.url = daemon->url(), .key = TRY(text_of(made, "key"))}, daemon->pid());
}

/// A daemon of our own whose prepared sandboxes have warm interpreters.
Result<InterpreterFigures> bench(const InterpreterOptions& options) {
  hold_signals();
  const std::vector<std::string> flags{"--memory-in-all", "64T", "--warm",        "host",
                                       "--pool",          "1",   "--pool-memory", "1G"};
  const auto daemon = TRY(OwnDaemon::start("bench", flags));
  const Where owner{.url = daemon->owner_url(), .key = {}};
  const auto remote = TRY(Remote::open(owner));
  const boost::json::object label{{"label", "bench"}};
  const auto made = TRY(remote->ask("POST", "/v1/keys", &label));
  return measure_interpreters(options, {.url = daemon->url(), .key = TRY(text_of(made, "key"))}, owner);
}

int cmd_bench_interpreter(const Words& words) {
  InterpreterOptions o;
  std::optional<std::string> rounds;
  std::optional<std::string> python;
  cli::Options options("bench --interpreter [flags]",
                       "Measures contexts of a daemon of its own, next to a bare python doing the same in the same "
                       "rounds. Asserts nothing.");
  options.flag("--json", o.is_json, "Print one JSON object");
  options.option("-n,--rounds,--n", rounds, "N", "Rounds (20)");
  options.option("--python", python, "PATH", "The bare python (/usr/bin/python3)");
  options.option("--ipykernel", o.jupyter, "PATH",
                 "A python that has ipykernel and jupyter_client, to be measured as well");
  if (const auto code = options.parse(words)) return *code;
  if (rounds) {
    const auto number = whole_number<std::size_t>(*rounds);
    if (!number || *number < 1 || *number > 10'000) return cli::usage_error("--rounds: a whole number from 1 to 10000");
    o.rounds = *number;
  }
  if (python) o.python = *python;
  const auto figures = bench(o);
  if (figures) return print(o.is_json ? to_json(*figures) : for_people(*figures));
  cli::complain("bench: " + figures.error().message());
  return runtime::kFailedExitCode;
}

}  // namespace

int cmd_bench(const Words& words) {
  if (std::ranges::find(words, "--interpreter") != words.end()) {
    Words rest = words;
    std::erase(rest, "--interpreter");
    return cmd_bench_interpreter(rest);
  }
  BenchOptions o;
  std::vector<Count> counts{
      {"-n,--rounds,--n", "Rounds of the short requests, one after the other (200)", &o.rounds, 100'000},
      {"--clients", "Clients at once, each creating, running and killing (50)", &o.clients, 1000},
      {"--seconds", "How long create + kill goes on (60)", &o.seconds, 3600},
      {"--idle", "Sandboxes that are alive at once for the memory figure (1000)", &o.idle, 10'000},
      {"--megabytes", "Size of the streams (256)", &o.megabytes, 1000}};
  cli::Options options("bench --api [flags]",
                       "Measures the service: a daemon of its own on loopback, or the one at --url. Asserts nothing.");
  options.flag("--json", o.is_json, "Print one JSON object");
  for (Count& count : counts) options.option(count.flag, count.text, "N", count.help);
  options.option("--url", o.url, "URL", "A daemon that is there (its quotas and --sandboxes must allow the numbers)");
  options.option("--key", o.key, "KEY", "Its key (BRIG_API_KEY)");
  if (const auto code = options.parse(words)) return *code;
  for (const Count& count : counts) {
    if (!count.text) continue;
    const auto number = whole_number<std::size_t>(*count.text);
    const std::string flag = std::string(count.flag).substr(std::string(count.flag).find("--"));
    if (!number || *number < 1 || *number > count.most) {
      return cli::usage_error(flag.substr(0, flag.find(',')) + ": a whole number from 1 to " +
                              std::to_string(count.most));
    }
    *count.value = *number;
  }
  if (o.key && !o.url) return cli::usage_error("--key belongs to --url");
  const auto figures = bench(o);
  if (figures) return print(o.is_json ? to_json(*figures) : for_people(*figures));
  cli::complain("bench: " + figures.error().message());
  return runtime::kFailedExitCode;
}

}  // namespace brig::client
