/// brig-client: what of brig talks HTTP, to a daemon or an engine: `brig run --runtime remote`, `docker` and `podman`,
/// `brig doctor`, `brig sandbox`, `brig keys`, `brig mcp`, `brig repl`, `brig run --context`, `brig attack --api` and
/// `brig bench --api`.
#include <csignal>
#include <exception>
#include <string>

#include "../brig/command.h"
#include "../brig/options.h"
#include "commands.h"

namespace {

int run(const brig::client::Words& words) {
  const std::string name = words.empty() ? "" : words.front();
  const brig::client::Words rest(words.begin() + (words.empty() ? 0 : 1), words.end());
  if (name == "run") return brig::cli::cmd_run(rest);
  if (name == "bench") return brig::client::cmd_bench(rest);
  if (name == "sandbox") return brig::client::cmd_sandbox(rest);
  if (name == "mcp") return brig::client::cmd_mcp(rest);
  if (name == "repl") return brig::client::cmd_repl(rest);
  if (name == "run-in-context") return brig::client::cmd_run_in_context(rest);
  if (name == "keys") return brig::client::cmd_keys(rest);
  if (name == "attack") return brig::cli::cmd_attack(rest);
  if (name == "doctor") return brig::cli::cmd_doctor(rest);
  return brig::cli::usage_error(
      "brig-client is started by brig sandbox, brig keys, brig attack --api and brig bench --api");
}

}  // namespace

int brig::cli::cmd_attack_api(const Arguments& arguments) { return client::cmd_attack(arguments); }
int brig::cli::cmd_run_context(const Arguments& arguments) { return client::cmd_run_in_context(arguments); }

int main(int count, char** words) {
  std::signal(SIGPIPE, SIG_IGN);  // writes answer EPIPE
  try {
    return run(brig::client::Words(words + (count > 0 ? 1 : 0), words + count));
  } catch (const std::exception& error) {
    brig::cli::complain(std::string("internal error: ") + error.what());
    return 125;
  }
}
