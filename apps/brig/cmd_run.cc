/// brig run: one program, one sandbox. And brig prompt, which tells a model what such a run would find.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "async/notifier.h"
#include "async/run.h"
#include "async/timer.h"
#include "base/text.h"
#include "command.h"
#include "image/catalog.h"
#include "image/digest.h"
#include "image/everybodys.h"
#include "image/prompt.h"
#include "libraries.h"
#include "options.h"
#include "policy/explain.h"
#include "policy/overrides.h"
#include "policy/parse.h"
#include "policy/preset.h"
#include "runtimes.h"
#include "service/report.h"
#include "service/run.h"
#include "source.h"
#include "sys/confine.h"
#include "sys/file.h"
#include "templates_dir.h"

namespace brig::cli {
namespace {

struct RunOptions {
  SourceOptions source;
  policy::Overrides overrides;
  std::optional<std::string> policy_file;
  std::optional<std::string> preset;
  RemoteFlags remote;
  std::optional<std::string> template_name;
  LibraryOptions libraries;
  std::optional<std::string> input;
  std::optional<std::string> out;
  std::optional<std::string> context;  ///< only for the help: brig-client does it
  bool is_json = false;
  bool is_quiet = false;
  bool is_report = false;
  bool is_explain = false;
};

void add_policy_flags(Options& options, RunOptions& o) {
  options.option("--timeout", o.overrides.timeout, "TIME",
                 "Wall-clock limit (30s): 250ms, 30s, 2m or 1h; a bare number is seconds");
  options.option("--cpu-time", o.overrides.cpu_time, "TIME", "CPU limit of one process (none)");
  options.option("--memory", o.overrides.memory, "SIZE",
                 "Memory limit (256M): 64K, 256M or 1.5G; a bare number is bytes");
  options.option("--cpus", o.overrides.cpus, "N", "Processors (1)");
  options.option("--pids", o.overrides.pids, "N", "Processes and threads at once (64)");
  options.option("--disk", o.overrides.disk, "SIZE", "Scratch space (100M)");
  options.option("--output", o.overrides.output, "SIZE", "Bytes kept of each output stream, first and last half (1M)");
  options.option("--in", o.overrides.in, "HOSTPATH[:GUESTPATH]",
                 "A file or folder to see, read-only; in /workspace if not said. FILE runs there if it lies in it");
  options.option("--env", o.overrides.env, "NAME=VALUE", "A variable of the program's environment");
  options.option("--policy", o.policy_file, "FILE", "A policy to start from");
  options.option("--preset", o.preset, "NAME", "strict, default or lenient");
  options.option("--template", o.template_name, "NAME",
                 "What the program finds in its root: host, or one of brig template ls");
  options.option("--templates-dir", o.libraries.templates_dir, "DIR", "Where templates are kept");
  options.option("--lib", o.overrides.lib, "NAME[,NAME…]",
                 "Python packages that the program has, installed once from a folder of wheels");
}

/// "--context NAME" before "--".
bool is_for_context(const Arguments& arguments) {
  for (const std::string& word : arguments) {
    if (word == "--") return false;
    if (word == "--context" || word.starts_with("--context=")) return true;
  }
  return false;
}

std::optional<int> parse(const Arguments& arguments, RunOptions& o) {
  Options options(
      "run [FLAGS] [FILE | -c CODE | -] [-- ARGS…]",
      "Runs a program in a fresh sandbox and destroys the sandbox.\n"
      "After FILE or -c, words after -- are the program's arguments; alone, they are a program of the template.");
  add_policy_flags(options, o);
  options.positional("FILE", o.source.file, "The program's source, or - to read it from the standard input");
  options.option("-c,--code", o.source.code, "CODE", "The program's source");
  options.option("-l,--lang", o.source.language, "LANGUAGE",
                 "python, javascript, bash or r (else by the file's name; python for -c)");
  options.rest(o.source.rest);
  options.option("--context", o.context, "NAME",
                 "Run it in an interpreter that lives on in a daemon instead (brig run --context NAME --help)");
  options.option("--out", o.out, "DIR", "Where to save the files and figures that the program leaves");
  options.option("--wheels", o.libraries.wheels, "DIR",
                 "The folder of wheels for --lib (else wheels, where templates are kept)");
  options.option("--stdin", o.input, "FILE", "The program's standard input (else brig's own)");
  options.option(
      "--runtime", o.overrides.runtime, "NAME",
      "The wall: one of brig doctor's, auto (the strongest that works here), fastest (good enough), or remote");
  options.option("--remote-url", o.remote.url, "URL",
                 "With --runtime remote: another Brig, https://HOST:PORT, or e2b+https://HOST (BRIG_REMOTE_URL)");
  options.option("--remote-key-file", o.remote.key_file, "FILE",
                 "A file with a key for that, or /dev/fd/N (BRIG_REMOTE_KEY_FILE)");
  options.option("--remote-template", o.remote.template_name, "NAME",
                 "The template of an E2B service (base; BRIG_REMOTE_TEMPLATE)");
  options.option(
      "--remote-sandbox-url", o.remote.sandbox_url, "URL",
      "Where an E2B service's sandboxes are reached, if not by names of their own (BRIG_REMOTE_SANDBOX_URL)");
  options.flag("--remote-trusted", o.remote.is_trusted, "Believe what that Brig says of its walls, for --require");
  options.option("--require", o.overrides.require, "BOUNDARY",
                 "The weakest wall that will do: shared-kernel, user-space-kernel, hardware");
  options.flag("--no-weaknesses", o.overrides.is_weakness_refused,
               "Refuse to run if this host cannot enforce everything");
  options.flag("--json", o.is_json, "Print one JSON object instead of the program's output");
  options.flag("--report", o.is_report, "Say on stderr how it ended and what was enforced");
  options.flag("-q,--quiet", o.is_quiet, "Print nothing but the program's own output");
  options.flag("--explain", o.is_explain, "Print the effective policy and run nothing");
  return options.parse(arguments);
}

std::string working_folder() {
  std::string text(PATH_MAX, '\0');
  return ::getcwd(text.data(), text.size()) != nullptr ? std::string(text.c_str()) : "/";
}

/// The template that was named; none for the host's /usr.
Result<std::optional<image::Template>> find_template(const RunOptions& o) {
  if (o.template_name.value_or("host") == "host") return std::optional<image::Template>();
  return std::optional<image::Template>(
      TRY(image::find_everybodys(image::Catalog(TRY(templates_folder(o.libraries.templates_dir))), *o.template_name)));
}

/// `places` gets where the sources of the policy file's mounts stand.
Result<policy::Policy> make_policy(const RunOptions& o, const std::string& folder, image::Defaults defaults,
                                   std::vector<std::string>& places) {
  policy::Policy policy;
  if (o.preset && o.policy_file) return Error(Code::kInvalidArgument, "give either --preset or --policy, not both");
  if (o.preset) {
    const auto preset = policy::find_preset(*o.preset);
    if (!preset) {
      return Error(Code::kInvalidArgument, "unknown preset \"" + printable(*o.preset, 40) + "\"" +
                                               did_you_mean(*o.preset, policy::kPresetNames) +
                                               ": strict, default or lenient");
    }
    policy = policy::preset(*preset);
  }
  if (o.policy_file) {
    const Fd file = TRY(open_plain(*o.policy_file, "--policy"));
    const std::string text = TRY(read_all(file.ref(), *o.policy_file, std::size_t{1} << 20));
    policy = TRY(policy::parse_policy(text, *o.policy_file, &places));
  }
  if (o.preset || o.policy_file) defaults.limits.clear();  // somebody has said what they are
  return policy::apply(TRY(image::apply_defaults(std::move(policy), defaults)), o.overrides, folder);
}

/// What is to be shown and cannot be is a mistake of the command line, or of the line of the policy file that `places`
/// names for the first mounts.
Result<> check_sources(const policy::Policy& policy, const std::vector<std::string>& places) {
  for (std::size_t i = 0; i < policy.mounts.size(); ++i) {
    const HostPath& from = policy.mounts[i].from;
    const std::string what = (i < places.size() ? places[i] + ": mount.from " : "--in ") + from.text();
    struct stat about{};
    const Fd fd(::open(from.c_str(), O_PATH | O_CLOEXEC));
    if (!fd.is_open() || ::fstat(fd.get(), &about) != 0) {
      const std::string mend = errno == ENOENT ? ": give a file or a folder of this machine" : "";
      return Error(Code::kInvalidArgument, Error::last_system(what).message() + mend);
    }
    if (!S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode))
      return Error(Code::kInvalidArgument, what + " is a device, a socket or a pipe: give a file or a folder");
    if (::access(from.c_str(), R_OK) != 0)
      return Error(Code::kInvalidArgument, Error::last_system(what).message() + ": you may not read it yourself");
  }
  return {};
}

/// Writes all of it. EINTR means that a signal of ours came: the loop must see it before anything else is written.
bool write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

bool write_all(int fd, std::string_view text) { return write_all(fd, std::as_bytes(std::span(text))); }

/// The program's output to a person, as it comes.
class LiveOutput final : public service::RunObserver {
 public:
  LiveOutput(const asio::any_io_executor& executor, const runtime::Runtime& runtime, bool is_shown,
             const std::optional<HostPath>& out)
      : broken_(executor), runtime_(runtime), is_shown_(is_shown), out_(out) {}

  /// From here on this process reads a hostile guest's bytes: it keeps the output folder and what taking the sandbox
  /// down may need.
  Result<> on_requested() override {
    std::vector<std::string> writable = runtime_.cleanup_folders();
    if (out_) writable.push_back(out_->text());
    return sys::confine_self({.writable = writable, .has_dac_override = out_.has_value()});
  }

  void on_head(guest::Stream stream, std::span<const std::byte> bytes) override {
    const int fd = stream == guest::Stream::kErr ? STDERR_FILENO : STDOUT_FILENO;
    if (!is_shown_ || error_ != 0 || write_all(fd, bytes)) return;
    if (fd == STDERR_FILENO && errno != EINTR) return;  // a closed stderr is nobody's loss
    error_ = errno;
    broken_.notify();
  }

  /// Suspends until the standard output cannot be written any more.
  Task<> broken() {
    for (;;) {
      if (error_ != 0 && error_ != EINTR) co_return Result<>();
      CO_TRY_VOID(co_await broken_.wait());
    }
  }

  [[nodiscard]] int error() const { return error_; }

 private:
  Notifier broken_;
  const runtime::Runtime& runtime_;
  bool is_shown_;
  std::optional<HostPath> out_;
  int error_ = 0;
};

/// A run, or why it was given up: a signal, or an output that nobody reads.
struct Outcome {
  std::optional<Result<service::RunReport>> report;
  int signal = 0;
};

constexpr Milliseconds kSignalGrace{50};

/// `told` gets it as well: of two tasks that end together only one is heard.
Task<> next_signal(asio::signal_set& signals, int& told) {
  const auto [error, number] = co_await signals.async_wait(asio::as_tuple(asio::use_awaitable));
  if (error) co_return Error(Code::kCancelled, "waiting for a signal");
  told = number;
  co_return Result<>();
}

/// Whether the error may be that a process of ours has ended.
bool is_about_a_process(const Error& error) { return error.code() == Code::kUnavailable || error.os_error() != 0; }

Task<Outcome> run_until_told(runtime::Runtime& runtime, service::TaskSpec spec, LiveOutput& output,
                             asio::signal_set& signals) {
  using namespace asio::experimental::awaitable_operators;
  int told = 0;
  auto winner =
      co_await (service::run_task(runtime, std::move(spec), output) || next_signal(signals, told) || output.broken());
  Outcome outcome;
  if (winner.index() == 0) outcome.report = std::get<0>(std::move(winner));
  else if (winner.index() == 1) outcome.signal = told != 0 ? told : SIGTERM;
  if (outcome.report && !*outcome.report && is_about_a_process(outcome.report->error())) {
    // A Ctrl-C goes to every process of ours that has not left the terminal yet; the news of their end may come first.
    if (told == 0) (void)co_await with_timeout(kSignalGrace, next_signal(signals, told), "wait for a signal");
    outcome.signal = told;
  }
  co_return outcome;
}

/// Our terminal once more, with flags of its own, so that reading it never blocks; not open if it may not be opened.
/// What was typed can be gone between being announced and being read: Ctrl-C throws it away. A blocked read would hold
/// up the time limit and that very Ctrl-C.
Fd reopen_terminal() {
  const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  Fd same(::open("/proc/self/fd/0", flags));
  if (same.is_open()) return same;
  Fd ours(::open("/dev/tty", flags));  // another user's terminal (su): this name of it is open to all
  unsigned given = 0;
  unsigned found = 0;
  const bool is_same = ours.is_open() && ::ioctl(STDIN_FILENO, TIOCGDEV, &given) == 0 &&
                       ::ioctl(ours.get(), TIOCGDEV, &found) == 0 && given == found;
  return is_same ? std::move(ours) : Fd();
}

/// The program's standard input: --stdin FILE, or ours unless it was the program's text or is empty anyway.
Result<FdRef> choose_input(const RunOptions& o, const Source& source, Fd& owner) {
  if (o.input) {
    owner = TRY(open_plain(*o.input, "--stdin"));
    return owner.ref();
  }
  if (source.is_from_stdin || (::fcntl(STDIN_FILENO, F_GETFL) & O_ACCMODE) == O_WRONLY) return FdRef();
  struct stat about{};
  if (::fstat(STDIN_FILENO, &about) != 0) return FdRef();
  const bool is_null = S_ISCHR(about.st_mode) && about.st_rdev == makedev(1, 3);  // /dev/null: the sandbox has its own
  if (is_null || S_ISDIR(about.st_mode)) return FdRef();
  if (S_ISCHR(about.st_mode) && ::isatty(STDIN_FILENO) == 1) owner = reopen_terminal();
  return owner.is_open() ? owner.ref() : FdRef(STDIN_FILENO);
}

std::string new_id() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return "run-" + std::to_string(::getpid()) + "-" + std::to_string(now.tv_sec) + std::to_string(now.tv_nsec / 1000);
}

/// What was held back of the streams while the program ran: their tails.
bool write_tails(const service::RunReport& report) {
  const auto write_tail = [](int fd, const service::Capture& capture) {
    if (capture.elided() > 0) write_all(STDERR_FILENO, service::elision_note(capture.elided()));
    return write_all(fd, capture.tail());
  };
  const bool is_written = write_tail(STDOUT_FILENO, report.out);
  write_tail(STDERR_FILENO, report.err);
  return is_written;
}

int fail(const Error& error, bool is_json) {
  if (error.code() == Code::kInvalidArgument) return usage_error(error.message());
  complain(error.message() + (error.code() == Code::kUnsupported ? " (brig doctor says what this host lacks)" : ""));
  if (is_json) write_all(STDOUT_FILENO, service::to_json(error));
  return runtime::kFailedExitCode;
}

int finish(const service::RunReport& report, const RunOptions& o, const policy::Policy& policy) {
  const bool is_written = o.is_json ? write_all(STDOUT_FILENO, service::to_json(report)) : write_tails(report);
  if (!is_written && errno == EPIPE) return 128 + SIGPIPE;
  if (!is_written) return fail(Error::last_system("write the standard output"), false);
  if (o.is_report) write_all(STDERR_FILENO, service::bars(report, policy));
  if (!o.is_quiet && !o.is_json) {
    write_all(STDERR_FILENO, service::remarks(report, policy, o.template_name.value_or("host"), o.out.has_value()));
  }
  return service::exit_code_of(report);
}

}  // namespace

int cmd_prompt(const Arguments& arguments) {
  RunOptions o;
  Options options(
      "prompt [FLAGS]",
      "Prints a section for a system prompt: what a model's code finds in a sandbox of this template and with "
      "these limits.\nTakes the flags of brig run that change it.");
  add_policy_flags(options, o);
  if (const auto code = options.parse(arguments)) return *code;
  std::vector<std::string> places;
  const auto chosen = find_template(o);
  if (!chosen) return usage_error(chosen.error().message());
  const image::Defaults defaults = *chosen ? (*chosen)->manifest.defaults : image::Defaults();
  const auto policy = make_policy(o, working_folder(), defaults, places);
  if (!policy) return usage_error(policy.error().message());
  const image::Offers offers = *chosen ? image::offers_of((*chosen)->manifest) : image::host_offers();
  return write_all(STDOUT_FILENO, image::prompt(*policy, offers)) ? 0 : runtime::kFailedExitCode;
}

int cmd_run(const Arguments& arguments) {
  if (is_for_context(arguments)) return cmd_run_context(arguments);
  RunOptions o;
  if (const auto code = parse(arguments, o)) return *code;
  const std::string folder = working_folder();
  std::vector<std::string> places;
  const auto chosen = find_template(o);
  if (!chosen) return usage_error(chosen.error().message());
  const image::Defaults defaults = *chosen ? (*chosen)->manifest.defaults : image::Defaults();
  auto policy = make_policy(o, folder, defaults, places);
  if (!policy) return usage_error(policy.error().message());
  if (o.is_explain) {
    const std::string text = o.is_json ? policy::explain_json(*policy) + "\n" : policy::explain(*policy);
    return write_all(STDOUT_FILENO, text) ? 0 : runtime::kFailedExitCode;
  }
  if (const auto code = run_elsewhere(policy->runtime, "run", arguments)) return *code;
  if (const auto shown = check_sources(*policy, places); !shown) return usage_error(printable(shown.error().message()));
  auto with = with_libraries(*std::move(policy), *chosen, o.libraries);
  if (!with) return with.error();
  *policy = *std::move(with);
  auto source = read_source(o.source, policy->mounts);
  if (!source) return usage_error(source.error().message());
  Fd input_owner;
  const auto input = choose_input(o, *source, input_owner);
  if (!input) return usage_error(input.error().message());

  service::TaskSpec spec{.id = new_id(),
                         .policy = *policy,
                         .program = std::move(source->program),
                         .input = *input,
                         .wants_files = o.is_json};
  if (auto* script = std::get_if<service::Script>(&spec.program)) script->is_shown = !o.is_json;
  if (*chosen) {
    const image::Manifest& manifest = (*chosen)->manifest;
    spec.root = {.name = manifest.name, .digest = std::string(image::hex_of(manifest.digest)), .file = (*chosen)->file};
    auto* command = std::get_if<service::Command>(&spec.program);
    if (command != nullptr && !defaults.working_folder.empty()) command->folder = defaults.working_folder;
  }
  if (o.out) {
    auto out = resolve_host_path(*o.out, folder).context("--out");
    if (!out) return usage_error(out.error().message());
    spec.out = *std::move(out);
  }

  asio::io_context io(1);
  runtime::Walls walls = make_walls(Use::kOnce, o.remote);
  const auto wall = walls.choose_unprobed(*policy, spec.root);
  if (!wall) return fail(wall.error(), o.is_json);
  spec.wall_choice = wall->reason;
  asio::signal_set signals(io, SIGINT, SIGTERM, SIGHUP);
  LiveOutput output(io.get_executor(), *wall->runtime, !o.is_json, spec.out);
  auto outcome = run(io, run_until_told(*wall->runtime, std::move(spec), output, signals));
  if (!outcome) return fail(outcome.error(), o.is_json);
  if (outcome->signal != 0) return 128 + outcome->signal;
  if (!outcome->report) {
    if (output.error() == EPIPE) return 128 + SIGPIPE;
    return fail(Error::system(output.error(), "write the standard output"), o.is_json);
  }
  if (!*outcome->report) return fail(outcome->report->error(), o.is_json);
  return finish(**outcome->report, o, *policy);
}

}  // namespace brig::cli
