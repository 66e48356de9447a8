#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "command.h"
#include "options.h"
#include "runtime/exit.h"
#include "runtimes.h"

namespace brig::cli {
namespace {

/// Becomes another program of ours: the daemon and its clients are no part of `brig`, so that `brig run` does not carry
/// HTTP, TLS and a database about.
int become(const std::string& name, const Arguments& arguments) {
  auto program = find_helper(name);
  if (!program) {
    complain(program.error().message());
    return runtime::kFailedExitCode;
  }
  std::vector<std::string> words{*program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  ::execv(program->c_str(), pointers.data());
  complain(Error::last_system("start " + *program).message());
  return runtime::kFailedExitCode;
}

int become_client(const std::string& command, const Arguments& arguments) {
  Arguments words{command};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return become("brig-client", words);
}

}  // namespace

std::optional<int> run_elsewhere(const std::string& wall, const std::string& command, const Arguments& arguments) {
  if (std::ranges::find(kElsewhere, wall) == kElsewhere.end()) {
    if (closest(wall, kElsewhere).empty()) return {};  // what is here suggests its own names
    return usage_error("unknown runtime \"" + printable(wall, 40) + "\"" + did_you_mean(wall, kElsewhere) +
                       ": brig doctor lists the walls of this machine");
  }
  return become_client(command, arguments);
}

int cmd_serve(const Arguments& arguments) { return become("brigd", arguments); }
int cmd_bench_api(const Arguments& arguments) { return become_client("bench", arguments); }
int cmd_template(const Arguments& arguments) { return become("brig-template", arguments); }
int cmd_sandbox(const Arguments& arguments) { return become_client("sandbox", arguments); }
int cmd_doctor(const Arguments& arguments) { return become_client("doctor", arguments); }
int cmd_keys(const Arguments& arguments) { return become_client("keys", arguments); }
int cmd_mcp(const Arguments& arguments) { return become_client("mcp", arguments); }
int cmd_repl(const Arguments& arguments) { return become_client("repl", arguments); }
int cmd_run_context(const Arguments& arguments) { return become_client("run-in-context", arguments); }
int cmd_attack_api(const Arguments& arguments) { return become_client("attack", arguments); }

}  // namespace brig::cli
