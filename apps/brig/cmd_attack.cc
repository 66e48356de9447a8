/// brig attack: attacks sandboxes of this installation and says what held.
#include <unistd.h>

#include <algorithm>

#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "async/run.h"
#include "attack/corpus.h"
#include "attack/report.h"
#include "attack/suite.h"
#include "base/text.h"
#include "command.h"
#include "json/json.h"
#include "options.h"
#include "runtimes.h"
#include "source.h"
#include "sys/file.h"

namespace brig::cli {
namespace {

constexpr std::size_t kCorpusMax = std::size_t{64} << 20;

struct AttackOptions {
  std::optional<std::string> runtime;
  std::optional<std::string> corpus;
  std::optional<std::string> language;
  std::optional<std::string> filter;
  std::optional<std::string> through;
  bool is_json = false;
  bool is_api = false;  ///< only for the help: brig-client does it
  bool is_list = false;
  bool is_controls_only = false;
  bool is_with_controls = false;
};

std::optional<int> parse(const Arguments& arguments, AttackOptions& o) {
  Options options("attack [FLAGS]",
                  "Attacks fresh sandboxes of this installation, judges from outside by canaries, and says what held.\n"
                  "Exit code: 0 all held, 1 something was breached, 125 something could not be run.");
  options.option("--runtime", o.runtime, "NAME", "The wall: one of brig doctor's (default the fastest), or auto");
  options.option("--filter", o.filter, "TEXT", "Only probes whose name or group contains it");
  options.option("--through", o.through, "WAY",
                 "How the probes are started: exec (as programs, the default), context (by a cell of Python), or "
                 "context:bash");
  options.flag("--list", o.is_list, "List the probes and run nothing");
  options.flag("--controls", o.is_controls_only,
               "Run the controls instead: each probe without a wall, where it must breach");
  options.flag("--with-controls", o.is_with_controls, "Run the controls too");
  options.option("--corpus", o.corpus, "FILE.jsonl",
                 "Run hostile program texts instead: lines with category, item and code");
  options.option("--lang", o.language, "LANGUAGE", "The corpus's language (else by its file's name)");
  options.flag("--json", o.is_json, "Print one JSON object");
  options.flag("--api", o.is_api, "Attack a daemon instead (brig attack --api --help)");
  return options.parse(arguments);
}

int say(const std::string& text) {
  return sys::write_all(FdRef(STDOUT_FILENO), text).has_value() ? 0 : runtime::kFailedExitCode;
}

int fail(const Error& error) {
  complain(error.message());
  return error.code() == Code::kInvalidArgument ? runtime::kUsageExitCode : runtime::kFailedExitCode;
}

/// A line on a terminal's stderr that says how far it is.
class Progress {
 public:
  Progress(std::string what, std::size_t total)
      : what_(std::move(what)), total_(total), is_shown_(::isatty(STDERR_FILENO) == 1) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { show("\r\x1b[K"); }
  void step() { show("\r" + what_ + " " + std::to_string(++done_) + " of " + std::to_string(total_)); }

 private:
  void show(const std::string& text) const {
    if (is_shown_) (void)!::write(STDERR_FILENO, text.data(), text.size());
  }
  std::string what_;
  std::size_t total_;
  std::size_t done_ = 0;
  bool is_shown_;
};

/// One exit code of two parts: a breach before what could not be run.
int worse(int a, int b) {
  if (a == 1 || b == 1) return 1;
  return a != 0 ? a : b;
}

/// The language of "python.jsonl".
Result<const service::Language*> corpus_language(const AttackOptions& o) {
  if (o.language) return service::find_language(*o.language);
  const std::string name = o.corpus->substr(o.corpus->rfind('/') + 1);
  auto language = service::find_language(name.substr(0, name.find('.')));
  if (!language) return Error(Code::kInvalidArgument, "the name " + printable(name) + " says no language: use --lang");
  return language;
}

/// The interpreter of --through; none for exec.
Result<const service::Language*> context_language(const AttackOptions& o) {
  const std::string way = o.through.value_or("exec");
  if (way == "exec") return nullptr;
  if (way == "context") return service::find_language("python");
  if (way == "context:python" || way == "context:bash") return service::find_language(way.substr(way.find(':') + 1));
  return Error(Code::kInvalidArgument,
               "--through: \"" + printable(way, 40) + "\" is none of exec, context, context:python and context:bash");
}

int run_corpus(const AttackOptions& o, asio::io_context& io, runtime::Runtime& runtime, const std::string& program) {
  const auto language = corpus_language(o);
  if (!language) return fail(language.error());
  const auto file = open_plain(*o.corpus, "--corpus");
  if (!file) return usage_error(file.error().message());
  const auto text = read_all(file->ref(), *o.corpus, kCorpusMax);
  if (!text) return fail(text.error());
  auto snippets = attack::parse_corpus(*text).context(printable(*o.corpus));
  if (!snippets) return fail(snippets.error());
  Progress progress("snippet", snippets->size());
  const auto report =
      run(io, attack::run_corpus(runtime, program, *std::move(snippets), *language, [&progress] { progress.step(); }));
  if (!report) return fail(report.error());
  say(o.is_json ? json::write(attack::to_json(*report)) + "\n" : attack::table(*report));
  return attack::exit_code_of(*report);
}

}  // namespace

int cmd_attack(const Arguments& arguments) {
  if (std::ranges::find(arguments, "--api") != arguments.end()) return cmd_attack_api(arguments);
  AttackOptions o;
  if (const auto code = parse(arguments, o)) return *code;
  const std::string filter = o.filter.value_or("");
  const auto chosen = attack::choose_probes(filter);
  if (chosen.empty())
    return usage_error("no probe's name or group contains \"" + printable(filter) + "\" (brig attack --list)");
  if (o.is_list) return say(attack::list(chosen));
  if (o.through && (o.corpus || o.is_controls_only))
    return usage_error("--through is how probes are started in a sandbox: not of --corpus, and not of --controls");
  const auto through = context_language(o);
  if (!through) return usage_error(through.error().message());
  if (o.language && !o.corpus) return usage_error("--lang needs --corpus");
  if (o.runtime == "remote") return usage_error("another Brig's walls are attacked there, or over its API: --api");
  if (o.runtime) {
    if (const auto code = run_elsewhere(*o.runtime, "attack", arguments)) return *code;
  }
  const auto program = find_helper("brig-probe");
  if (!program) return fail(program.error());

  asio::io_context io(1);
  const attack::SuiteOptions options{.program = *program, .filter = filter, .context_language = *through};
  boost::json::object object;
  int code = 0;
  if (!o.is_controls_only) {
    policy::Policy policy;
    if (o.runtime) policy.runtime = *o.runtime;
    runtime::Walls walls = make_walls(Use::kOften);
    const auto wall = walls.choose(policy);
    if (!wall) return fail(wall.error());
    if (o.corpus) return run_corpus(o, io, *wall->runtime, *program);
    object["runtime"] = std::string(wall->runtime->name());
    Progress progress("probe", chosen.size());
    const auto report =
        run(io, attack::attack(*wall->runtime, options, [&progress](const attack::Judgement&) { progress.step(); }));
    if (!report) return fail(report.error());
    code = attack::exit_code_of(*report, attack::Kind::kAttack);
    object["attacks"] = attack::to_json(*report);
    if (!o.is_json) say(attack::table(*report, attack::Kind::kAttack));
  }
  if (o.is_controls_only || o.is_with_controls) {
    Progress progress("control", chosen.size());
    const auto report = run(io, attack::control(options, [&progress](const attack::Judgement&) { progress.step(); }));
    if (!report) return fail(report.error());
    code = worse(code, attack::exit_code_of(*report, attack::Kind::kControl));
    object["controls"] = attack::to_json(*report);
    if (!o.is_json) say(attack::table(*report, attack::Kind::kControl));
  }
  if (o.is_json) say(json::write(object) + "\n");
  return code;
}

}  // namespace brig::cli
