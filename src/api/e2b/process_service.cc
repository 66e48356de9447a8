#include "api/e2b/process_service.h"

#include <algorithm>
#include <array>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json/value.hpp>

#include "api/e2b/connect.h"
#include "api/e2b/place.h"
#include "api/e2b/process_messages.h"
#include "api/e2b/proto_json.h"
#include "base/buffer.h"
#include "base/text.h"
#include "service/run.h"

namespace brig::api::e2b {
namespace {

namespace bj = boost::json;
using sandboxes::Command;
using CommandPtr = std::shared_ptr<Command>;

/// Bytes of output in one event.
constexpr std::size_t kPiece = std::size_t{32} << 10;
constexpr std::size_t kTerminalPiece = std::size_t{16} << 10;

Error not_found(const Selector& which) {
  return {Code::kNotFound, which.pid != 0 ? "process with pid " + std::to_string(which.pid) + " not found"
                                          : "process with tag " + printable(which.tag, kTagMax) + " not found"};
}

/// The newest of that name; one that runs goes before one that has ended and is still remembered.
Result<CommandPtr> find(const sandboxes::Sandbox& sandbox, const Selector& which) {
  CommandPtr found;
  for (const CommandPtr& command : sandbox.commands()) {
    const bool is_meant =
        which.pid != 0 ? command->pid() == which.pid : command->pid() != 0 && command->spec().tag == which.tag;
    if (is_meant && (!found || found->end() || !command->end())) found = command;
  }
  if (!found) return not_found(which);
  return found;
}

Result<CommandPtr> find_running(const sandboxes::Sandbox& sandbox, const json::Reader& message) {
  const Selector which = TRY(read_selector(message));
  CommandPtr command = TRY(find(sandbox, which));
  if (command->end()) return not_found(which);
  return command;
}

std::vector<std::string> environment_of(const sandboxes::Sandbox& sandbox, std::vector<policy::Variable> over) {
  policy::Policy with = sandbox.spec().policy;
  with.environment.insert(with.environment.begin(), policy::Variable{"LOGNAME", std::string(kUser)});
  for (policy::Variable& variable : over) {
    std::erase_if(with.environment, [&](const policy::Variable& old) { return old.name == variable.name; });
    with.environment.push_back(std::move(variable));
  }
  return service::environment_of(with);
}

/// What whoever started the command has set beside what every command has.
bj::object own_variables(const sandboxes::Sandbox& sandbox, const Command& command) {
  const auto usual = environment_of(sandbox, {});
  bj::object own;
  for (const std::string& variable : command.spec().env) {
    if (std::ranges::find(usual, variable) != usual.end()) continue;
    const std::size_t split = variable.find('=');
    own[variable.substr(0, split)] = variable.substr(split + 1);
  }
  return own;
}

Task<std::string> folder_for(Call& call, std::string cwd) {
  const std::shared_ptr<sandboxes::Sandbox> sandbox = call.guest.sandbox;
  CO_TRY(const GuestPath path, resolve_path(cwd, *sandbox));
  const auto there = co_await follow(sandbox, path);
  if (there && there->entry.type == guest::FileType::kFolder) co_return path.text();
  if (!there && there.error().os_error() == 0) co_return there.error();
  co_return Error(Code::kInvalidArgument,
                  "cwd '" + printable(path.text()) + "' " + (there ? "is not a directory" : "does not exist"));
}

/// One of the streams that a process writes to, on its way to one client.
struct Pipe {
  const sandboxes::OutputLog* log;
  std::string_view kind;
  std::uint64_t at;
};

/// What comes from now on, until the end.
Task<> follow_command(Call& call, Outgoing& out, CommandPtr command, std::uint64_t out_at, std::uint64_t err_at) {
  using namespace asio::experimental::awaitable_operators;
  const bool has_terminal = command->spec().terminal.has_value();
  std::array pipes{Pipe{&command->out(), has_terminal ? "pty" : "stdout", out_at},
                   Pipe{&command->err(), "stderr", err_at}};
  Buffer buffer(has_terminal ? kTerminalPiece : kPiece);
  while (true) {
    const bool is_over = command->end().has_value();
    bool has_sent = false;
    for (Pipe& pipe : pipes) {
      CO_TRY(const std::size_t count, pipe.log->read(pipe.at, buffer.bytes()));
      if (count == 0) continue;
      has_sent = true;
      pipe.at += count;
      CO_TRY_VOID(
          co_await out.send(data_event(pipe.kind, {reinterpret_cast<const char*>(buffer.bytes().data()), count})));
    }
    if (has_sent) continue;
    if (is_over) break;
    auto woken = co_await (command->changed() || out.silence(call.times.keepalive));
    if (woken.index() == 1) CO_TRY_VOID(co_await out.send(keepalive_event()));
  }
  if (command->end()->exit.cause == runtime::Cause::kTimeout)
    co_return Error(Code::kDeadline, "the command took longer than it may (Connect-Timeout-Ms)");
  co_return co_await out.send(end_event(*command->end()));
}

Task<> start(Call& call, const json::Reader& message, Outgoing& out) {
  CO_TRY(StartRequest request, read_start(message));
  CO_TRY(std::string folder, co_await folder_for(call, request.cwd));
  const std::shared_ptr<sandboxes::Sandbox> sandbox = call.guest.sandbox;
  const bool has_stdin = request.has_stdin && !request.terminal;
  CO_TRY(const auto command, co_await sandbox->start({.argv = std::move(request.argv),
                                                      .env = environment_of(*sandbox, std::move(request.environment)),
                                                      .cwd = std::move(folder),
                                                      .has_stdin = has_stdin,
                                                      .terminal = request.terminal,
                                                      .timeout = call.times.timeout,
                                                      .tag = std::move(request.tag)}));
  if (command->pid() == 0) co_return Error(Code::kInvalidArgument, command->end()->note);
  CO_TRY_VOID(co_await out.send(start_event(command->pid())));
  co_return co_await follow_command(call, out, command, 0, 0);
}

Task<> connect(Call& call, const json::Reader& message, Outgoing& out) {
  CO_TRY(const Selector which, read_selector(message));
  CO_TRY(const CommandPtr command, find(*call.guest.sandbox, which));
  const std::uint64_t out_at = command->out().total();
  const std::uint64_t err_at = command->err().total();
  CO_TRY_VOID(co_await out.send(start_event(command->pid())));
  co_return co_await follow_command(call, out, command, out_at, err_at);
}

Task<bj::object> list(Call& call, const json::Reader&) {
  bj::array processes;
  for (const CommandPtr& command : call.guest.sandbox->commands()) {
    if (command->end()) continue;
    const sandboxes::CommandSpec& spec = command->spec();
    bj::array args;
    for (std::size_t i = 1; i < spec.argv.size(); ++i) args.emplace_back(spec.argv[i]);
    bj::object process{{"config",
                        {{"cmd", spec.argv.front()},
                         {"args", std::move(args)},
                         {"envs", own_variables(*call.guest.sandbox, *command)},
                         {"cwd", spec.cwd}}},
                       {"pid", command->pid()}};
    if (!spec.tag.empty()) process["tag"] = spec.tag;
    processes.emplace_back(std::move(process));
  }
  co_return bj::object{{"processes", std::move(processes)}};
}

/// Returns when the program, or what lies before it, has taken it.
Task<> feed(CommandPtr command, ProcessInput input) {
  if (input.is_for_terminal != command->spec().terminal.has_value()) {
    co_return Error(Code::kInternal, input.is_for_terminal ? "the process has no terminal: send its input as \"stdin\""
                                                           : "the process has a terminal: send its input as \"pty\"");
  }
  Command::InputTurn turn(command);
  CO_TRY_VOID(co_await turn.come());
  co_return co_await command->write_stdin(std::move(input.bytes));
}

Task<bj::object> send_input(Call& call, const json::Reader& message) {
  CO_TRY(const CommandPtr command, find_running(*call.guest.sandbox, message));
  CO_TRY(ProcessInput input, read_input(message));
  CO_TRY_VOID(co_await feed(command, std::move(input)));
  co_return bj::object();
}

/// {"start": {"process"}}, then {"data": {"input"}} and {"keepalive"} as they come.
Task<bj::object> stream_input(Call& call, Incoming& in) {
  CommandPtr command;
  while (true) {
    CO_TRY(const auto value, co_await in.next());
    if (!value) break;
    const json::Reader message(*value);
    CO_TRY(const auto start, message.given("start"));
    CO_TRY(const auto data, message.given("data"));
    if (start) {
      if (command) co_return Error(Code::kInvalidArgument, "\"start\" comes once");
      CO_TRY(command, find_running(*call.guest.sandbox, *start));
    }
    if (!data) continue;
    if (!command) co_return Error(Code::kInvalidArgument, "\"start\" comes before \"data\"");
    CO_TRY(ProcessInput input, read_input(*data));
    CO_TRY_VOID(co_await feed(command, std::move(input)));
  }
  co_return bj::object();
}

Task<bj::object> close_stdin(Call& call, const json::Reader& message) {
  CO_TRY(const CommandPtr command, find_running(*call.guest.sandbox, message));
  if (command->spec().terminal)
    co_return Error(Code::kConflict, "the input of a terminal has no end of its own: send it Ctrl+D (4)");
  if (!command->spec().has_stdin) co_return Error(Code::kConflict, "the process was started without an input");
  CO_TRY_VOID(command->close_stdin());
  co_return bj::object();
}

Task<bj::object> send_signal(Call& call, const json::Reader& message) {
  CO_TRY(const CommandPtr command, find_running(*call.guest.sandbox, message));
  CO_TRY(const int number, read_signal(message));
  CO_TRY_VOID(command->signal(number));
  co_return bj::object();
}

Task<bj::object> update(Call& call, const json::Reader& message) {
  CO_TRY(const CommandPtr command, find_running(*call.guest.sandbox, message));
  CO_TRY(const auto size, read_terminal(message));
  if (size) CO_TRY_VOID(command->resize(*size));
  co_return bj::object();
}

}  // namespace

void add_process_service(http::Router& router, Guests& guests) {
  Connect connect_to(guests);
  connect_to.add_streaming(router, "process.Process/Start", "e2b_process_start", start);
  connect_to.add_streaming(router, "process.Process/Connect", "e2b_process_connect", connect);
  connect_to.add_unary(router, "process.Process/List", "e2b_process_list", list);
  connect_to.add_unary(router, "process.Process/SendInput", "e2b_process_input", send_input);
  connect_to.add_upload(router, "process.Process/StreamInput", "e2b_process_input_stream", stream_input);
  connect_to.add_unary(router, "process.Process/CloseStdin", "e2b_process_input_close", close_stdin);
  connect_to.add_unary(router, "process.Process/SendSignal", "e2b_process_signal", send_signal);
  connect_to.add_unary(router, "process.Process/Update", "e2b_process_update", update);
}

}  // namespace brig::api::e2b
