#include <algorithm>
#include <array>

#include <boost/json/value.hpp>

#include "../brig/options.h"
#include "answer.h"
#include "base/text.h"
#include "commands.h"
#include "copy.h"
#include "follow.h"
#include "json/json.h"
#include "logs.h"
#include "remote.h"
#include "sandbox_copies.h"
#include "sandbox_ports.h"
#include "sandbox_request.h"
#include "table.h"
#include "terminal.h"

namespace brig::client {
namespace {

namespace bj = boost::json;

int create(const Words& words) {
  Common common;
  std::optional<std::string> name;
  std::optional<std::string> ttl;
  std::optional<std::string> idle;
  std::optional<std::string> preset;
  std::optional<std::string> require;
  std::optional<std::string> runtime;
  std::optional<std::string> from;
  std::vector<std::string> metadata;
  std::vector<std::string> env;
  std::array<std::pair<const char*, std::optional<std::string>>, 5> limits{
      {{"memory", {}}, {"cpus", {}}, {"pids", {}}, {"disk", {}}, {"timeout", {}}}};
  cli::Options options("sandbox create [flags]", "Makes a sandbox and prints its id.");
  options.option("--template", name, "NAME", "default host");
  options.option("--runtime", runtime, "NAME",
                 "the wall: a name, auto (the strongest that works there), or fastest (that is good enough)");
  options.option("--from-snapshot", from, "ID", "begin with the files of a snapshot, and its limits");
  options.option("--ttl", ttl, "TIME", "ends after this (default 1h)");
  options.option("--idle", idle, "TIME", "ends when unused for this");
  options.option("--preset", preset, "NAME", "strict, default or lenient");
  options.option("--require", require, "BOUNDARY", "the weakest wall that will do");
  options.option("--metadata", metadata, "NAME=VALUE", "a label, as often as wanted");
  options.option("--env", env, "NAME=VALUE", "a variable of every command");
  for (auto& [limit, value] : limits)
    options.option(std::string("--") + limit, value, "VALUE", std::string("limit: ") + limit);
  common.add_to(options, "");
  if (const auto code = options.parse(words)) return *code;
  bj::object body;
  if (name) body["template"] = *name;
  if (from) body["from_snapshot"] = *from;
  if (preset) body["policy"] = *preset;
  if (require) body["require"] = *require;
  if (runtime) body["runtime"] = *runtime;
  for (const auto& [text, key] : {std::pair(&ttl, "ttl_seconds"), std::pair(&idle, "idle_seconds")}) {
    if (!*text) continue;
    const auto value = seconds(**text, text == &ttl ? "--ttl" : "--idle");
    if (!value) return value.error();
    body[key] = *value;
  }
  auto labels = pairs(metadata, "--metadata");
  auto variables = pairs(env, "--env");
  if (!labels) return labels.error();
  if (!variables) return variables.error();
  body["metadata"] = *std::move(labels);
  body["envs"] = *std::move(variables);
  bj::object wanted;
  for (const auto& [limit, value] : limits) {
    if (value) wanted[limit] = *value;
  }
  body["limits"] = std::move(wanted);
  if (const auto code = common.open()) return *code;
  const auto answer = common.remote->ask("POST", "/v1/sandboxes", &body);
  if (!answer) return fail(answer.error());
  if (common.is_json) return print(json::write(*answer) + "\n");
  const auto id = id_of(*answer);
  return id ? print(*id + "\n") : fail(id.error());
}

int list(const Words& words) {
  Common common;
  bool is_all = false;
  cli::Options options("sandbox ls [flags]", "Lists sandboxes, newest first.");
  options.flag("--all", is_all, "those that have ended as well");
  common.add_to(options, "");
  if (const auto code = options.parse(words)) return *code;
  if (const auto code = common.open()) return *code;
  std::vector<std::vector<std::string>> rows{{"ID", "TEMPLATE", "STATUS", "CREATED", "EXPIRES", "REASON"}};
  bj::array items;
  std::string cursor;
  do {
    const auto page = common.remote->ask(
        "GET", target_of("/v1/sandboxes", {{"state", is_all ? "all" : "running,paused"}, {"cursor", cursor}}));
    if (!page) return fail(page.error());
    const auto sandboxes = list_of(*page, "items");
    if (!sandboxes) return fail(sandboxes.error());
    for (const bj::object& sandbox : *sandboxes) {
      rows.push_back({text_at(sandbox, "id"), text_at(sandbox, "template"), text_at(sandbox, "status"),
                      text_at(sandbox, "created_at"), text_at(sandbox, "expires_at"), text_at(sandbox, "end_reason")});
      items.emplace_back(sandbox);
    }
    // A page of nothing is the last, whatever it says: what is no Brig could lead on for ever.
    cursor = sandboxes->empty() ? "" : text_at(page->get_object(), "next_cursor");
  } while (!cursor.empty());
  return print(common.is_json ? json::write(items) + "\n" : table_of(rows));
}

int info(const Words& words) {
  Common common;
  cli::Options options("sandbox info [flags] ID", "Says everything about a sandbox, also about one that has ended.");
  common.add_to(options, "ID");
  if (const auto code = options.parse(words)) return *code;
  if (!common.id) return common.need_id("info");
  if (const auto code = common.open()) return *code;
  const auto answer = common.remote->ask("GET", path_of(*common.id));
  if (!answer) return fail(answer.error());
  if (common.is_json) return print(json::write(*answer) + "\n");
  std::vector<std::vector<std::string>> rows;
  const auto object = object_of(*answer);
  if (!object) return fail(object.error());
  for (const auto& [name, value] : *object) rows.push_back({std::string(name), text_at(*object, name)});
  return print(table_of(rows));
}

/// A request about one sandbox, without an answer worth showing.
int act(const Words& words, const std::string& name, const std::string& what, const std::string& method,
        std::string_view rest) {
  Common common;
  cli::Options options("sandbox " + name + " [flags] ID", what);
  common.add_to(options, "ID");
  if (const auto code = options.parse(words)) return *code;
  if (!common.id) return common.need_id(name);
  if (const auto code = common.open()) return *code;
  const auto answer = common.remote->ask(method, path_of(*common.id, rest));
  return answer ? 0 : fail(answer.error());
}

int set_ttl(const Words& words) {
  Common common;
  std::optional<std::string> lifetime;
  cli::Options options("sandbox ttl [flags] ID TIME", "Lets a sandbox live for so long from now.");
  common.add_to(options, "ID");
  options.positional("TIME", lifetime, "30s, 10m, 2h");
  if (const auto code = options.parse(words)) return *code;
  if (!common.id) return common.need_id("ttl");
  if (!lifetime) return cli::usage_error("brig sandbox ttl: for how long? (brig sandbox ttl ID 30m)");
  const auto time = seconds(*lifetime, "TIME");
  if (!time) return time.error();
  if (const auto code = common.open()) return *code;
  const bj::object body{{"ttl_seconds", *time}};
  const auto answer = common.remote->ask("PATCH", path_of(*common.id, "/lifecycle"), &body);
  return answer ? 0 : fail(answer.error());
}

int logs(const Words& words) {
  Common common;
  bool is_following = false;
  cli::Options options("sandbox logs [flags] ID", "Prints what the sandbox's commands printed.");
  options.flag("-f,--follow", is_following, "and what they print from now on, line by line, until the sandbox ends");
  common.add_to(options, "ID");
  if (const auto code = options.parse(words)) return *code;
  if (!common.id) return common.need_id("logs");
  if (const auto code = common.open()) return *code;
  const auto shown = is_following ? follow_logs(*common.remote, *common.id) : show_logs(*common.remote, *common.id);
  return shown ? 0 : fail(shown.error());
}

struct ExecFlags {
  bool is_interactive = false;
  bool has_terminal = false;
  std::optional<std::string> cwd;
  std::optional<std::string> timeout;
  std::vector<std::string> env;
};

int exec_command(Common& common, const ExecFlags& flags) {
  bj::object body{{"argv", bj::array(common.rest->begin(), common.rest->end())}};
  if (flags.cwd) body["cwd"] = *flags.cwd;
  auto variables = pairs(flags.env, "--env");
  if (!variables) return variables.error();
  body["env"] = *std::move(variables);
  if (flags.timeout) {
    const auto limit = seconds(*flags.timeout, "--timeout");
    if (!limit) return limit.error();
    body["timeout_seconds"] = *limit;
  }
  if (const auto code = common.open()) return *code;
  if (flags.has_terminal) {
    const Size size = terminal_size();
    body["terminal"] = {{"rows", size.rows}, {"cols", size.columns}};
    // Colours and keys are those of the terminal here.
    bj::object& inside = body["env"].get_object();
    if (const std::string term = environment("TERM"); !term.empty() && !inside.contains("TERM")) inside["TERM"] = term;
    body["background"] = true;
    const auto started = common.remote->ask("POST", path_of(*common.id, "/exec"), &body);
    if (!started) return fail(started.error());
    const auto process = id_of(*started);
    if (!process) return fail(process.error());
    const auto code = attach_terminal(*common.remote, *common.id, *process);
    return code ? *code : fail(code.error());
  }
  if (flags.is_interactive) body["keep_stdin"] = true;
  http::Request request{.method = "POST",
                        .target = path_of(*common.id, "/exec/stream?encoding=base64"),
                        .headers = common.remote->headers(),
                        .body = json::write(body),
                        .source = {},
                        .length = {}};
  const auto code = follow(*common.remote, std::move(request), *common.id, flags.is_interactive);
  return code ? *code : fail(code.error());
}

/// As with other tools, flags come before the sandbox and everything after it is the command's.
int exec(const Words& words) {
  static constexpr std::array<std::string_view, 6> kWithValue{"--cwd", "--timeout", "--env",
                                                              "-e",    "--api-url", "--api-key"};
  std::size_t at = 0;
  while (at < words.size() && words[at].starts_with('-') && words[at] != "--")
    at += std::ranges::find(kWithValue, words[at]) != kWithValue.end() ? 2 : 1;
  Common common;
  ExecFlags flags;
  cli::Options options("sandbox exec [flags] ID COMMAND…",
                       "Runs a command in a sandbox; the exit code is the command's.");
  options.flag("-i,--interactive", flags.is_interactive, "give it our standard input");
  options.flag("-t,--tty", flags.has_terminal, "at a terminal, like a local shell");
  options.option("--cwd", flags.cwd, "PATH", "inside (default /workspace)");
  options.option("-e,--env", flags.env, "NAME=VALUE", "a variable");
  options.option("--timeout", flags.timeout, "TIME", "default: the policy's");
  common.add_to(options, "");
  if (const auto code = options.parse(std::span(words).first(std::min(at, words.size())))) return *code;
  if (at >= words.size()) return common.need_id("exec");
  common.id = words[at];
  std::size_t from = at + 1;
  if (from < words.size() && words[from] == "--") ++from;
  common.rest = Words(words.begin() + static_cast<std::ptrdiff_t>(from), words.end());
  if (common.rest->empty()) return cli::usage_error("brig sandbox exec: which command? (… exec -it ID bash)");
  return exec_command(common, flags);
}

/// "ID:PATH", or a path here.
std::optional<std::pair<std::string, std::string>> inside(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos || text.find('/') < colon) return {};
  return std::pair(text.substr(0, colon), text.substr(colon + 1));
}

int copy(const Words& words) {
  Common common;
  cli::Options options("sandbox cp [flags] -- FROM TO",
                       "Copies a file, or a folder; a place inside is ID:/path, \"-\" is a pipe. A folder "
                       "comes out as a .tar or .tar.gz.");
  common.add_to(options, "");
  options.rest(common.rest);
  Words sorted = words;  // `cp A B` as well as `cp -- A B`
  const auto first = std::ranges::find_if(sorted, [](const std::string& word) { return !word.starts_with("--"); });
  if (std::ranges::find(sorted, "--") == sorted.end()) sorted.insert(first, "--");
  if (const auto code = options.parse(sorted)) return *code;
  if (!common.rest || common.rest->size() != 2)
    return cli::usage_error("brig sandbox cp FROM TO, one of them ID:/path");
  const auto from = inside(common.rest->front());
  const auto to = inside(common.rest->back());
  if (from.has_value() == to.has_value()) return cli::usage_error("brig sandbox cp: one of the two must be ID:/path");
  if (const auto code = common.open()) return *code;
  const auto done = to ? copy_in(*common.remote, common.rest->front(), to->first, to->second)
                       : copy_out(*common.remote, from->first, from->second, common.rest->back());
  return done ? 0 : fail(done.error());
}

int pause(const Words& words) {
  return act(words, "pause", "Stops every process of a sandbox until it is resumed.", "POST", "/pause");
}
int resume(const Words& words) { return act(words, "resume", "Lets a paused sandbox go on.", "POST", "/resume"); }

int kill(const Words& words) {
  Common common;
  std::vector<std::string> ids;
  cli::Options options("sandbox kill [flags] ID…", "Ends sandboxes and removes all of them.");
  common.add_to(options, "");
  options.positional("ID", ids, "the sandboxes");
  if (const auto code = options.parse(words)) return *code;
  if (ids.empty()) return common.need_id("kill");
  if (const auto code = common.open()) return *code;
  return for_each(ids, [&](const std::string& id) { return common.remote->ask("DELETE", path_of(id)); });
}

struct Subcommand {
  std::string_view name;
  std::string_view what;
  int (*main)(const Words&);
};
constexpr std::array kSubcommands = {
    Subcommand{"create", "make one and print its id", create},
    Subcommand{"ls", "list them", list},
    Subcommand{"info", "everything about one", info},
    Subcommand{"exec", "run a command in one (-it for a terminal)", exec},
    Subcommand{"cp", "copy a file or a folder in or out", copy},
    Subcommand{"logs", "what its commands printed (-f: and print)", logs},
    Subcommand{"ports", "where what listens inside is reached", sandbox_ports},
    Subcommand{"snapshot", "keep its files; ls and rm of those kept", sandbox_snapshot},
    Subcommand{"fork", "make another with a copy of its files", sandbox_fork},
    Subcommand{"pause", "stop its processes", pause},
    Subcommand{"resume", "let them go on", resume},
    Subcommand{"ttl", "let it live longer, or shorter", set_ttl},
    Subcommand{"kill", "end it, or several", kill},
};

}  // namespace

int cmd_sandbox(const Words& words) {
  std::string overview = "Usage: brig sandbox COMMAND …\n\nSandboxes of a daemon (brig serve).\n\nCommands:\n";
  std::vector<std::string_view> names;
  for (const Subcommand& one : kSubcommands) {
    overview += "  " + std::string(one.name) + std::string(11 - one.name.size(), ' ') + std::string(one.what) + "\n";
    names.push_back(one.name);
  }
  if (words.empty()) return cli::usage_error("brig sandbox: which command? (brig sandbox --help lists them)");
  if (words.front() == "--help" || words.front() == "-h") return print(overview);
  for (const Subcommand& one : kSubcommands) {
    if (one.name == words.front()) return one.main(Words(words.begin() + 1, words.end()));
  }
  return cli::usage_error("brig sandbox: unknown command \"" + printable(words.front()) + "\"" +
                          did_you_mean(words.front(), names));
}

}  // namespace brig::client
