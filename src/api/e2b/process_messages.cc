#include "api/e2b/process_messages.h"

#include <array>
#include <csignal>

#include <boost/json/value.hpp>

#include "api/e2b/proto_json.h"
#include "base/base64.h"
#include "guest/wire.h"
#include "policy/validate.h"
#include "runtime/exit.h"

namespace brig::api::e2b {
namespace {

namespace bj = boost::json;
using json::Reader;

constexpr std::size_t kWordMax = guest::kPayloadMax;  ///< beyond it nothing can be started
constexpr std::uint64_t kSideMost = 10'000;           ///< of a terminal, in characters

Result<std::uint16_t> side_of(const Reader& size, std::string_view key, std::uint16_t usual) {
  const auto at = TRY(size.given(key));
  if (!at) return usual;
  const std::uint64_t side = TRY(number_in(*at, kSideMost));
  return side == 0 ? usual : static_cast<std::uint16_t>(side);
}

/// As Go calls them.
std::string name_of_signal(int number) {
  static constexpr std::array<std::string_view, 16> kNames{"",
                                                           "hangup",
                                                           "interrupt",
                                                           "quit",
                                                           "illegal instruction",
                                                           "trace/breakpoint trap",
                                                           "aborted",
                                                           "bus error",
                                                           "floating point exception",
                                                           "killed",
                                                           "user defined signal 1",
                                                           "segmentation fault",
                                                           "user defined signal 2",
                                                           "broken pipe",
                                                           "alarm clock",
                                                           "terminated"};
  if (number > 0 && static_cast<std::size_t>(number) < kNames.size())
    return std::string(kNames[static_cast<std::size_t>(number)]);
  return "signal " + std::to_string(number);
}

bj::object event(bj::object what) { return {{"event", std::move(what)}}; }

}  // namespace

Result<std::optional<guest::TerminalSize>> read_terminal(const Reader& message) {
  const auto pty = TRY(message.given("pty"));
  if (!pty) return std::optional<guest::TerminalSize>();
  guest::TerminalSize size;
  if (const auto at = TRY(pty->given("size"))) {
    size.columns = TRY(side_of(*at, "cols", size.columns));
    size.rows = TRY(side_of(*at, "rows", size.rows));
  }
  return std::optional(size);
}

Result<StartRequest> read_start(const Reader& message) {
  StartRequest request;
  const Reader process = TRY(message.at("process"));
  request.argv.push_back(TRY(text_at(process, "cmd", kWordMax)));
  if (request.argv.front().empty()) return process.error("\"cmd\" is expected: the program");
  if (const auto args = TRY(process.given("args"))) {
    for (const Reader& word : TRY(args->items())) request.argv.push_back(TRY(text_in(word, kWordMax)));
  }
  if (request.argv.size() > guest::kStringsMax) return process.error("more arguments than a program can have");
  if (const auto envs = TRY(process.given("envs"))) {
    for (const auto& [name, value] : TRY(envs->entries())) {
      policy::Variable variable{std::string(name), TRY(text_in(value, kWordMax))};
      if (auto good = policy::check_variable(variable); !good) return envs->error(good.error().message());
      request.environment.push_back(std::move(variable));
    }
  }
  request.cwd = TRY(text_at(process, "cwd", guest::kPathMax));
  request.terminal = TRY(read_terminal(message));
  request.tag = TRY(text_at(message, "tag", kTagMax));
  request.has_stdin = TRY(flag_at(message, "stdin", true));
  return request;
}

Result<Selector> read_selector(const Reader& message) {
  const Reader at = TRY(message.at("process"));
  Selector selector;
  if (const auto pid = TRY(at.given("pid"))) selector.pid = static_cast<std::uint32_t>(TRY(number_in(*pid, INT32_MAX)));
  selector.tag = TRY(text_at(at, "tag", kTagMax));
  if ((selector.pid != 0) == !selector.tag.empty()) return at.error("\"pid\" or \"tag\" is expected");
  return selector;
}

Result<ProcessInput> read_input(const Reader& message) {
  const Reader at = TRY(message.at("input"));
  const auto stdin_bytes = TRY(at.given("stdin"));
  const auto pty_bytes = TRY(at.given("pty"));
  if (stdin_bytes.has_value() == pty_bytes.has_value()) return at.error("\"stdin\" or \"pty\" is expected");
  return ProcessInput{.is_for_terminal = pty_bytes.has_value(),
                      .bytes = TRY(bytes_in(pty_bytes ? *pty_bytes : *stdin_bytes))};
}

Result<int> read_signal(const Reader& message) {
  const Reader at = TRY(message.at("signal"));
  if (at.value().is_string()) {
    const std::string_view name = TRY(at.text());
    if (name == "SIGNAL_SIGKILL") return SIGKILL;
    if (name == "SIGNAL_SIGTERM") return SIGTERM;
  } else if (const auto number = TRY(at.integer(0, 64)); number == SIGKILL || number == SIGTERM) {
    return static_cast<int>(number);
  }
  return at.error("SIGNAL_SIGKILL or SIGNAL_SIGTERM is expected");
}

bj::object start_event(std::uint32_t pid) { return event({{"start", {{"pid", pid}}}}); }

bj::object data_event(std::string_view kind, std::string_view bytes) {
  return event({{"data", {{kind, to_base64(bytes)}}}});
}

/// Of what a limit of the sandbox has ended, E2B's clients know the signal; the error says which limit.
bj::object end_event(const sandboxes::CommandEnd& end) {
  if (end.exit.cause == runtime::Cause::kExited) {
    const std::string status = "exit status " + std::to_string(end.exit.value);
    bj::object said{{"exited", true}, {"status", status}};
    if (end.exit.value != 0) {
      said["exitCode"] = end.exit.value;
      said["error"] = status;
    }
    return event({{"end", std::move(said)}});
  }
  const bool is_plain = end.exit.cause == runtime::Cause::kSignalled;
  const std::string status = "signal: " + name_of_signal(is_plain ? end.exit.value : SIGKILL);
  std::string error = status;
  if (!is_plain) error += ": " + std::string(runtime::status_of(end.exit));
  if (!end.note.empty()) error += " (" + end.note + ")";
  return event({{"end", {{"exitCode", -1}, {"exited", false}, {"status", status}, {"error", error}}}});
}

bj::object keepalive_event() { return event({{"keepalive", bj::object()}}); }

}  // namespace brig::api::e2b
