/// brig run --context: code as a cell of a context that lives on in the daemon, so that the next call finds its state.
#include <algorithm>
#include <array>

#include <boost/json/value.hpp>

#include "../brig/command.h"
#include "../brig/options.h"
#include "../brig/source.h"
#include "answer.h"
#include "async/run.h"
#include "base/text.h"
#include "cells.h"
#include "commands.h"
#include "remote.h"
#include "sandbox_request.h"

namespace brig::client {
namespace {

namespace bj = boost::json;

/// The label of the sandbox that has the contexts of a name.
constexpr std::string_view kLabel = "context";
constexpr double kIdleSeconds = 3'600;

struct ContextOptions {
  std::string name;
  cli::SourceOptions source;
  std::optional<std::string> template_name;
  std::optional<std::string> timeout;
  std::optional<std::string> out;
  std::optional<std::string> context;
  std::optional<std::string> url;
  std::optional<std::string> key;
};

/// Flags of brig run that say what a fresh sandbox is.
constexpr std::array<std::string_view, 27> kOfFresh = {"--cpu-time",
                                                       "--memory",
                                                       "--cpus",
                                                       "--pids",
                                                       "--disk",
                                                       "--output",
                                                       "--env",
                                                       "--policy",
                                                       "--preset",
                                                       "--templates-dir",
                                                       "--lib",
                                                       "--wheels",
                                                       "--stdin",
                                                       "--runtime",
                                                       "--remote-url",
                                                       "--remote-key-file",
                                                       "--remote-template",
                                                       "--remote-sandbox-url",
                                                       "--remote-trusted",
                                                       "--require",
                                                       "--no-weaknesses",
                                                       "--report",
                                                       "-q",
                                                       "--quiet",
                                                       "--explain",
                                                       "--in",
                                                       "--json"};

/// A usage error if a flag is there that brig run has, and we have not.
std::optional<int> refuse_of_fresh(const Words& words) {
  for (std::size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    if (words[i] == "-c" || words[i] == "--code") {
      ++i;  // its value may look as it likes
      continue;
    }
    const std::string flag = words[i].substr(0, words[i].find('='));
    if (std::ranges::find(kOfFresh, flag) == kOfFresh.end()) continue;
    if (flag == "--in")
      return cli::usage_error(
          "--in is not with --context: its sandbox lives on in a daemon (brig sandbox ls shows it, brig sandbox cp "
          "copies files into it)");
    if (flag == "--json")
      return cli::usage_error(
          "--json is not with --context: what the code prints is printed (the daemon's API answers cells as JSON: "
          "docs/service.md)");
    return cli::usage_error(
        flag +
        " is not with --context: its sandbox lives on in a daemon, which says what it may (brig run "
        "--context NAME --help lists the flags)");
  }
  return {};
}

/// The parser takes whatever follows --context for its value.
bool asks_for_help(const Words& words) {
  const auto flag = std::ranges::find(words, "--context");
  return flag != words.end() && flag + 1 != words.end() && (*(flag + 1) == "--help" || *(flag + 1) == "-h");
}

std::optional<int> parse(const Words& words, ContextOptions& o) {
  cli::Options options(
      "run --context NAME [flags] [FILE | -c CODE | -]",
      "Runs code in a context of a daemon: an interpreter that lives on and keeps its variables for the next call with "
      "the same name.\nNeeds brig serve and a key of it. The first call makes it, in a sandbox of its "
      "own, which ends when it is not used for an hour "
      "(brig sandbox ls shows it).");
  options.option("--context", o.context, "NAME", "or SANDBOX/CONTEXT: one that there is, by its ids");
  options.positional("FILE", o.source.file, "the code, or - to read it from the standard input");
  options.option("-c,--code", o.source.code, "CODE", "the code");
  options.option("-l,--lang", o.source.language, "LANGUAGE",
                 "python, javascript, typescript, java, r or bash (else by the file's name)");
  options.option("--template", o.template_name, "NAME", "what the sandbox is made from, if it is made now (host)");
  options.option("--timeout", o.timeout, "TIME", "how long the code may run; what it has changed until then stays");
  options.option("--out", o.out, "DIR", "where figures are saved (figures)");
  options.option("--api-url", o.url, "URL", "the daemon (default BRIG_API_URL, or http://127.0.0.1:2744)");
  options.option("--api-key", o.key, "KEY", "default BRIG_API_KEY");
  if (asks_for_help(words)) return options.parse(Words{"--help"});
  if (const auto code = refuse_of_fresh(words)) return code;
  return options.parse(words);
}

struct Place {
  std::string sandbox;
  std::string context;
};

/// The oldest that lives of this name, so that two callers agree; or a new one.
Result<std::string> sandbox_named(Remote& remote, const ContextOptions& o) {
  const std::string filter = "metadata." + std::string(kLabel);
  const auto page = TRY(remote.ask("GET", target_of("/v1/sandboxes", {{"state", "running"}, {filter, o.name}})));
  const bj::value* items = page.is_object() ? page.as_object().if_contains("items") : nullptr;
  if (items != nullptr && items->is_array() && !items->as_array().empty()) {
    const bj::value& oldest = items->as_array().back();  // the newest comes first
    return id_of(oldest);
  }
  bj::object body{{"idle_seconds", kIdleSeconds}, {"metadata", bj::object{{kLabel, o.name}}}};
  if (o.template_name) body["template"] = *o.template_name;
  return id_of(TRY(remote.ask("POST", "/v1/sandboxes", &body)));
}

Result<Place> find_place(Remote& remote, const ContextOptions& o, std::string_view language) {
  if (const std::size_t slash = o.name.find('/'); slash != std::string::npos)
    return Place{.sandbox = o.name.substr(0, slash), .context = o.name.substr(slash + 1)};
  Place place{.sandbox = TRY(sandbox_named(remote, o)), .context = {}};
  const auto listed = TRY(remote.ask("GET", path_of(place.sandbox, "/contexts")));
  const bj::value* items = listed.is_object() ? listed.as_object().if_contains("items") : nullptr;
  if (items != nullptr && items->is_array()) {
    for (const bj::value& one : items->as_array()) {
      if (!one.is_object() || text_at(one.as_object(), "language") != language) continue;
      place.context = TRY(id_of(one));
      return place;
    }
  }
  const bj::object wanted{{"language", language}};
  place.context = TRY(id_of(TRY(remote.ask("POST", path_of(place.sandbox, "/contexts"), &wanted))));
  return place;
}

/// Letters, digits and "-_." as a name, which does not look like a flag; two ids with a slash between them.
bool is_name(std::string_view name) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";
  const std::size_t slash = name.find('/');
  return !name.empty() && !name.starts_with('-') && name.size() <= 128 &&
         name.find_first_not_of(kLetters) == std::string_view::npos && slash != 0 && slash != name.size() - 1 &&
         name.find('/', slash + 1) == std::string_view::npos;
}

}  // namespace

int cmd_run_in_context(const Words& words) {
  ContextOptions o;
  if (const auto code = parse(words, o)) return *code;
  o.name = o.context.value_or("");
  if (!is_name(o.name))
    return cli::usage_error(
        "--context: \"" + printable(o.name, 60) +
        "\" is no name (letters, digits, \"_\", \".\", and \"-\" but not first) and not SANDBOX/CONTEXT");
  const auto source = cli::read_source(o.source, {});
  if (!source) return cli::usage_error(source.error().message());
  const auto* script = std::get_if<service::Script>(&source->program);
  if (script == nullptr) return cli::usage_error("--context runs code: give -c CODE, FILE or -");
  std::optional<double> timeout;
  if (o.timeout) {
    const auto given = seconds(*o.timeout, "--timeout");
    if (!given) return given.error();
    timeout = *given;
  }
  const auto remote = Remote::open(find_daemon(o.url, o.key));
  if (!remote) return fail(remote.error());
  const auto place = find_place(**remote, o, script->language->name);
  if (!place) return fail(place.error());
  Cells cells(**remote, place->sandbox, place->context, o.out.value_or("figures"));
  const auto ended = run((*remote)->io(), cells.run(script->text, timeout));
  if (!ended) return fail(ended.error());
  if (ended->status == "timeout") cli::complain("it took too long and was interrupted; what it had changed stays");
  if (ended->status == "died")
    cli::complain("the interpreter is gone, and its state with it: the next call begins anew");
  return ended->exit_code_of_ours();
}

}  // namespace brig::client
