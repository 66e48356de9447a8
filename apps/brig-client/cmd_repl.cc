/// brig repl: an interpreter in a sandbox, at this terminal or fed from a pipe.
#include <unistd.h>

#include <csignal>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/value.hpp>

#include "../brig/options.h"
#include "answer.h"
#include "async/run.h"
#include "cells.h"
#include "commands.h"
#include "lines.h"
#include "reach.h"
#include "sandbox_request.h"
#include "service/cell_splitter.h"
#include "service/kernel.h"

namespace brig::client {
namespace {

namespace bj = boost::json;

constexpr double kIdleSeconds = 3'600;

struct ReplOptions {
  std::optional<std::string> language;
  std::optional<std::string> sandbox;
  std::optional<std::string> template_name;
  std::optional<std::string> memory;
  std::optional<std::string> timeout;
  std::optional<std::string> out;
  std::optional<std::string> url;
  std::optional<std::string> key;
};

std::optional<int> parse(const Words& words, ReplOptions& o) {
  cli::Options options("repl [flags]",
                       "Runs what you type in a sandbox, and keeps its state from one input to the next. Ctrl-C "
                       "interrupts, Ctrl-D or exit ends. Reads a pipe as well; then the exit code is 1 if something "
                       "failed.\n"
                       "The sandbox is one of the daemon that is named; without one, of a daemon of its own, and ends "
                       "with it.");
  options.option("-l,--lang", o.language, "LANGUAGE", "python (the default), javascript, typescript, java, r or bash");
  options.option("--sandbox", o.sandbox, "ID", "one that there is, which goes on afterwards; else a new one");
  options.option("--template", o.template_name, "NAME", "of the new one (host)");
  options.option("--memory", o.memory, "SIZE", "of the new one");
  options.option("--timeout", o.timeout, "TIME", "how long one input may run (the sandbox's own limit)");
  options.option("--out", o.out, "DIR", "where figures are saved (figures)");
  options.option("--api-url", o.url, "URL", "the daemon (BRIG_API_URL)");
  options.option("--api-key", o.key, "KEY", "BRIG_API_KEY");
  return options.parse(words);
}

/// At the terminal, between inputs.
class Prompt {
 public:
  explicit Prompt(bool is_shown) : is_shown_(is_shown) {}
  void greet(const service::Language& language) const {
    write(std::string(language.name) + " in a sandbox: Ctrl-C interrupts, Ctrl-D ends\n");
  }
  void show(bool is_open) const { write(is_open ? "... " : ">>> "); }
  void end_line() const { write("\n"); }

 private:
  void write(std::string_view text) const {
    if (is_shown_) (void)!::write(STDOUT_FILENO, text.data(), text.size());
  }
  bool is_shown_;
};

/// At python's own prompt the bare word leaves as well.
std::string as_meant(const service::Language& language, std::string cell) {
  const std::string word = cell.substr(0, cell.find_last_not_of(" \t\n") + 1);
  return language.name == "python" && (word == "exit" || word == "quit") ? word + "()" : cell;
}

class Repl {
 public:
  Repl(Remote& remote, Cells& cells, const service::Language& language, std::optional<double> timeout)
      : cells_(cells), language_(language), lines_(language, ::isatty(STDIN_FILENO) == 1),
        prompt_(::isatty(STDIN_FILENO) == 1), signals_(remote.io(), SIGINT, SIGTERM, SIGHUP), timeout_(timeout) {}

  /// The exit code.
  Task<int> serve();

 private:
  Task<int> next_signal();
  Task<> run(std::string cell);

  Cells& cells_;
  const service::Language& language_;
  service::CellSplitter lines_;
  Prompt prompt_;
  asio::signal_set signals_;
  std::optional<double> timeout_;
  InputLines input_{service::kCellMax};
  bool has_failed_ = false;
  int stopped_by_ = 0;            ///< SIGTERM or SIGHUP
  std::optional<int> left_with_;  ///< the exit code with which a cell asked for the end, as it ends a shell
};

Task<int> Repl::next_signal() {
  const auto [error, number] = co_await signals_.async_wait(asio::as_tuple(asio::use_awaitable));
  if (error) co_return Error(Code::kCancelled, "waiting for a signal");
  co_return number;
}

/// A Ctrl-C interrupts it; the next one gives up waiting, which interrupts it as well.
Task<> Repl::run(std::string cell) {
  using namespace asio::experimental::awaitable_operators;
  const auto interrupting = [](Repl& self) -> Task<> {
    CO_TRY(int number, co_await self.next_signal());
    if (number == SIGINT) {
      CO_TRY_VOID(co_await self.cells_.interrupt());
      CO_TRY(number, co_await self.next_signal());
    }
    if (number != SIGINT) self.stopped_by_ = number;
    co_return Result<>();
  };
  auto ended = co_await (cells_.run(as_meant(language_, std::move(cell)), timeout_) || interrupting(*this));
  if (ended.index() == 1) {
    has_failed_ = true;
    co_return std::get<1>(std::move(ended));
  }
  CO_TRY(const CellEnding ending, std::get<0>(std::move(ended)));
  has_failed_ = has_failed_ || !ending.is_good();
  if (ending.status == "exit") left_with_ = ending.exit_code.value_or(0);
  if (ending.status == "timeout") cli::complain("it took too long and was interrupted; what it had changed stays");
  if (ending.status == "died")
    cli::complain("the interpreter is gone, and its state with it: the next input begins anew");
  co_return Result<>();
}

Task<int> Repl::serve() {
  using namespace asio::experimental::awaitable_operators;
  prompt_.greet(language_);
  while (stopped_by_ == 0 && !left_with_) {
    prompt_.show(lines_.is_open());
    auto woken = co_await (input_.next() || next_signal());
    if (woken.index() == 1) {
      CO_TRY(const int number, std::get<1>(std::move(woken)));
      if (number != SIGINT) co_return 128 + number;
      lines_.drop();  // the terminal has thrown away what was typed
      prompt_.end_line();
      continue;
    }
    CO_TRY(const auto line, std::get<0>(std::move(woken)));
    if (!line) break;
    for (std::string& cell : lines_.take(*line)) {
      if (!left_with_) CO_TRY_VOID(co_await run(std::move(cell)));
    }
  }
  if (stopped_by_ != 0) co_return 128 + stopped_by_;
  if (left_with_) co_return *left_with_;
  prompt_.end_line();
  if (auto rest = lines_.finish()) CO_TRY_VOID(co_await run(*std::move(rest)));
  if (left_with_) co_return *left_with_;
  const bool is_typed = ::isatty(STDIN_FILENO) == 1;
  co_return !is_typed && has_failed_ ? 1 : 0;
}

Result<std::string> sandbox_of(Remote& remote, const ReplOptions& o) {
  if (o.sandbox) return *o.sandbox;
  bj::object body{{"idle_seconds", kIdleSeconds}};
  if (o.template_name) body["template"] = *o.template_name;
  if (o.memory) body["limits"] = bj::object{{"memory", *o.memory}};
  return id_of(TRY(remote.ask("POST", "/v1/sandboxes", &body)));
}

Result<int> converse(Remote& remote, const ReplOptions& o, const service::Language& language,
                     std::optional<double> timeout) {
  const std::string sandbox = TRY(sandbox_of(remote, o));
  const auto talk = [&]() -> Result<int> {
    const bj::object wanted{{"language", std::string(language.name)}};
    const std::string id = TRY(id_of(TRY(remote.ask("POST", path_of(sandbox, "/contexts"), &wanted))));
    Cells cells(remote, sandbox, id, o.out.value_or("figures"));
    Repl repl(remote, cells, language, timeout);
    auto served = run(remote.io(), repl.serve());
    (void)remote.ask("DELETE", path_of(sandbox, "/contexts/" + id));
    return served;
  };
  auto talked = talk();
  if (!o.sandbox) (void)remote.ask("DELETE", path_of(sandbox));
  return talked;
}

}  // namespace

int cmd_repl(const Words& words) {
  ReplOptions o;
  if (const auto code = parse(words, o)) return *code;
  const auto language = service::find_language(o.language.value_or("python"));
  if (!language) return cli::usage_error(language.error().message());
  if (o.sandbox && (o.template_name || o.memory))
    return cli::usage_error("--template and --memory are of a new sandbox, and --sandbox names one that there is");
  std::optional<double> timeout;
  if (o.timeout) {
    const auto given = seconds(*o.timeout, "--timeout");
    if (!given) return given.error();
    timeout = *given;
  }
  auto reached = reach(o.url, o.key, "repl");
  if (!reached) return fail(reached.error());
  const auto code = converse(*reached->remote, o, **language, timeout);
  return code ? *code : fail(code.error());
}

}  // namespace brig::client
