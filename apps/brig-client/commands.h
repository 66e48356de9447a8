#pragma once
/// The commands of brig-client.
#include <string>
#include <vector>

namespace brig::client {

using Words = std::vector<std::string>;

int cmd_bench(const Words& words);
int cmd_keys(const Words& words);
int cmd_attack(const Words& words);
int cmd_mcp(const Words& words);
int cmd_repl(const Words& words);
int cmd_run_in_context(const Words& words);
int cmd_sandbox(const Words& words);

}  // namespace brig::client
