/// The tools that run something: a cell of a context, or a command.
#include <csignal>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "api/common/body.h"
#include "api/common/cell_output.h"
#include "api/mcp/content.h"
#include "api/mcp/toolbox.h"
#include "base/text.h"
#include "runtime/exit.h"
#include "service/hints.h"

namespace brig::api::mcp {
namespace {

namespace bj = boost::json;

/// Of one stream, so that what stands in its middle for what is left out fits as well.
constexpr std::size_t kStreamMax = kTextMax - 256;

/// `task`, or kCancelled once the call is.
template <class T>
Task<T> unless_cancelled(std::shared_ptr<Call> call, Task<T> task) {
  using namespace asio::experimental::awaitable_operators;
  auto woken = co_await (std::move(task) || call->cancelled());
  if (woken.index() == 0) co_return std::get<0>(std::move(woken));
  co_return Error(Code::kCancelled, "the call was cancelled");
}

/// One result in the form that a model reads best: a picture if it is one, else text.
void show(Content& content, const sandboxes::CellEvent& event) {
  for (const std::string_view mime : {"image/png", "image/jpeg"}) {
    if (const std::string* form = event.result.find(mime)) return content.show(mime, *form);
  }
  for (const std::string_view mime : {"text/plain", "text/markdown", "application/json", "text/html"}) {
    if (const std::string* form = event.result.find(mime)) {
      // A text is enough without a heading where nothing was printed beside it.
      content.say(event.is_main ? "result" : "display", *form);
      return;
    }
  }
}

std::string end_in_words(const sandboxes::CellEnd& end, const std::optional<Milliseconds>& limit) {
  if (end.status == "timeout") {
    return "The code took longer than " + (limit ? format(*limit) : "its limit") +
           " and was interrupted. Variables are kept. Do less at once, or give a larger timeout_seconds.";
  }
  if (end.status == "interrupted") return "The code was interrupted. Variables are kept.";
  if (end.status == "exit")
    return "The code asked to exit with code " + std::to_string(end.exit_code.value_or(0)) + ". Variables are kept.";
  if (end.status == "died")
    return "The interpreter is gone, and its variables with it; files stay. The next call begins anew: run imports and "
           "definitions again. If memory ran out, read less data at once.";
  return {};
}

bj::object cell_result(const CellOutput& all, const std::string& note, const sandboxes::SandboxSpec& of,
                       const std::optional<Milliseconds>& limit) {
  Content content;
  content.say(note);
  content.say(all.out.text());
  content.say("stderr", all.err.text());
  for (const sandboxes::CellEvent& event : all.results) show(content, event);
  if (all.error) {
    const std::string& traceback = all.error->traceback;
    content.say("error", traceback.empty() ? all.error->name + ": " + all.error->value : traceback);
    content.say(service::hint_for(*all.error, of.template_name));
  }
  content.say(end_in_words(all.end, limit));
  if (all.end.exit_code && all.end.status == "error") content.say("Exit code: " + std::to_string(*all.end.exit_code));
  if (const std::uint64_t dropped = all.end.dropped + all.dropped; dropped > 0)
    content.say(std::to_string(dropped) + " result(s) were too many or too large and are left out.");
  const bool is_failed = all.error || (all.end.status != "ok" && all.end.exit_code.value_or(1) != 0);
  return std::move(content).result(is_failed);
}

Result<sandboxes::CommandSpec> shell_command(const Arguments& arguments, const sandboxes::SandboxSpec& of) {
  const std::string& line = arguments.command;
  if (line.size() > kBodyMax)
    return Error(Code::kInvalidArgument, "$.cmd: longer than " + std::to_string(kBodyMax) + " bytes");
  if (line.find('\0') != std::string::npos) return Error(Code::kInvalidArgument, "$.cmd: may not contain a NUL");
  sandboxes::CommandSpec spec{.argv = {"/bin/sh", "-c", line},
                              .env = sandboxes::usual_environment(of.policy),
                              .timeout = arguments.timeout.value_or(of.policy.limits.timeout)};
  if (!of.working_folder.empty()) spec.cwd = of.working_folder;
  if (!arguments.cwd.empty()) spec.cwd = TRY(GuestPath::parse(arguments.cwd)).text();
  return spec;
}

std::string command_end_in_words(const sandboxes::Command& command) {
  const runtime::Exit& exit = command.end()->exit;
  const std::string status(status_of(exit));
  if (status == "ok") return {};
  if (status == "error") return "Exit code: " + std::to_string(exit.value);
  if (status == "timeout") {
    const auto& limit = command.spec().timeout;
    return "The command took longer than " + (limit ? format(*limit) : "its limit") +
           " and was ended. Do less at once, or give a larger timeout_seconds.";
  }
  if (status == "memory_limit") return "The command was ended: it took all of the sandbox's memory. Read less at once.";
  if (status == "output_limit") return "The command was ended: it printed too much. Print less, or write to a file.";
  return "The command ended: " + status + (exit.value != 0 ? " " + std::to_string(exit.value) : "");
}

}  // namespace

Task<bj::object> Toolbox::run_code(const Asked& asked, const Arguments& arguments) {
  CO_TRY(const Place place, co_await this->place(asked, arguments.sandbox_id, true));
  CO_TRY(const auto context, co_await context_of(place.sandbox, arguments.language));
  const auto limit = arguments.timeout.value_or(place.sandbox->spec().policy.limits.timeout);
  CO_TRY(const auto run, context->run({.code = arguments.code, .timeout = limit}));
  CellOutput all(Bytes{kStreamMax});
  CO_TRY_VOID(co_await unless_cancelled(asked.call, collect(*run, all)));
  co_return cell_result(all, place.note, place.sandbox->spec(), limit);
}

Task<bj::object> Toolbox::run_command(const Asked& asked, const Arguments& arguments) {
  CO_TRY(const Place place, co_await this->place(asked, arguments.sandbox_id, true));
  CO_TRY(sandboxes::CommandSpec spec, shell_command(arguments, place.sandbox->spec()));
  CO_TRY(const auto command, co_await place.sandbox->start(std::move(spec)));
  auto waited = co_await unless_cancelled(asked.call, command->wait());
  if (!waited) {
    if (!command->end()) (void)command->signal(SIGKILL);
    co_return std::move(waited).error();
  }
  Content content;
  content.say(place.note);
  CO_TRY(const auto out, command->out().text(kStreamMax));
  CO_TRY(const auto err, command->err().text(kStreamMax));
  content.say(out.text);
  content.say("stderr", err.text);
  if (out.elided + err.elided > 0)
    content.say("Output was left out: print less, or write it to a file and read the part that matters.");
  content.say(printable(command->end()->note, 500));
  content.say(command_end_in_words(*command));
  co_return std::move(content).result(status_of(command->end()->exit) != "ok");
}

}  // namespace brig::api::mcp
