/// brig attack --api: attacks a daemon and says what held.
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "../brig/options.h"
#include "async/run.h"
#include "attack/api/suite.h"
#include "base/text.h"
#include "commands.h"
#include "own_daemon.h"
#include "sys/file.h"
#include "sys/process.h"

namespace brig::client {
namespace {

namespace api = attack::api;

constexpr int kNotRunExitCode = 125;

struct Flags {
  bool is_api = false;
  std::optional<std::string> url;
  std::vector<std::string> keys;
  std::optional<std::string> filter;
  bool is_list = false;
  bool is_json = false;
};

int fail(const Error& error) {
  cli::complain(error.message());
  return kNotRunExitCode;
}

int say(const std::string& text) { return sys::write_all(FdRef(STDOUT_FILENO), text) ? 0 : kNotRunExitCode; }

Task<api::Report> attack_all(api::Scene& scene, std::vector<const api::Probe*> probes, std::function<void()> on_step) {
  auto is_ready = co_await scene.set_up();
  if (!is_ready) {
    (void)co_await scene.clear();
    co_return std::move(is_ready).error().context("prepare the attack");
  }
  auto report = co_await api::attack(scene, std::move(probes), std::move(on_step));
  (void)co_await scene.clear();
  co_return report;
}

int run_probes(const Flags& flags, const std::vector<const api::Probe*>& chosen) {
  const auto folder = sys::program_folder();
  if (!folder) return fail(folder.error());
  api::Stage stage{.probe_program = *folder + "/brig-probe"};
  std::unique_ptr<OwnDaemon> daemon;
  if (flags.url) {
    stage.url = *flags.url;
    stage.victim_key = flags.keys[0];
    stage.attacker_key = flags.keys[1];
  } else {
    auto started = OwnDaemon::start("attack", {"--pool", "2"});
    if (!started) return fail(started.error());
    daemon = *std::move(started);
    stage.url = daemon->url();
    stage.owner_url = daemon->owner_url();
  }
  asio::io_context io(1);
  api::Scene scene(io.get_executor(), std::move(stage));
  const bool has_progress = ::isatty(STDERR_FILENO) == 1;
  std::size_t done = 0;
  const auto report = run(io, attack_all(scene, chosen, [&] {
                            if (!has_progress) return;
                            const std::string text =
                                "\rrequest " + std::to_string(++done) + " of " + std::to_string(2 * chosen.size());
                            (void)!::write(STDERR_FILENO, text.data(), text.size());
                          }));
  if (has_progress) (void)!::write(STDERR_FILENO, "\r\x1b[K", 4);
  if (!report) return fail(report.error());
  const int said = say(flags.is_json ? api::to_json(*report, scene.stage().url) + "\n" : api::table(*report));
  return said != 0 ? said : api::exit_code_of(*report);
}

}  // namespace

int cmd_attack(const Words& words) {
  Flags flags;
  cli::Options options(
      "attack --api [flags]",
      "Attacks a daemon with two keys: each must reach its own and nothing else. Starts a daemon of its own, unless "
      "one is named.\nExit code: 0 all held, 1 something was breached, 125 something could not be run.");
  options.flag("--api", flags.is_api, "Attack a daemon (without it: fresh sandboxes, brig attack --help)");
  options.option("--url", flags.url, "URL", "This daemon instead; fewer probes apply, and it is attacked in earnest");
  options.option("--key", flags.keys, "KEY", "With --url: two keys, first the victim's, then the attacker's");
  options.option("--filter", flags.filter, "TEXT", "Only probes whose name or group contains it");
  options.flag("--list", flags.is_list, "List the probes and run nothing");
  options.flag("--json", flags.is_json, "Print one JSON object");
  if (const auto code = options.parse(words)) return *code;
  if (!flags.is_api) return cli::usage_error("brig attack: --api is expected");
  const std::string filter = flags.filter.value_or("");
  const auto chosen = api::choose_probes(filter);
  if (chosen.empty())
    return cli::usage_error("no probe's name or group contains \"" + printable(filter) +
                            "\" (brig attack --api --list)");
  if (flags.is_list) return say(api::list(chosen));
  if (flags.url.has_value() != (flags.keys.size() == 2))
    return cli::usage_error("--url and two --key belong together: the victim's and the attacker's");
  return run_probes(flags, chosen);
}

}  // namespace brig::client
