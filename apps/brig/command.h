#pragma once
/// The subcommands of `brig`. To add one: write cmd_NAME.cc with its function, declare the function here, and add a
/// line to kCommands in main.cc and to CMakeLists.txt.
#include <string>
#include <vector>

namespace brig::cli {

/// Runs with the arguments that follow the subcommand's name; returns the exit code.
using Arguments = std::vector<std::string>;

int cmd_attack(const Arguments& arguments);
int cmd_bench(const Arguments& arguments);
int cmd_bench_api(const Arguments& arguments);  ///< `brig bench --api` and `--interpreter`
int cmd_doctor(const Arguments& arguments);
int cmd_prompt(const Arguments& arguments);
int cmd_run(const Arguments& arguments);
int cmd_mcp(const Arguments& arguments);
int cmd_repl(const Arguments& arguments);
/// brig run --context
int cmd_run_context(const Arguments& arguments);
int cmd_sandbox(const Arguments& arguments);
int cmd_keys(const Arguments& arguments);
/// brig attack --api
int cmd_attack_api(const Arguments& arguments);
int cmd_template(const Arguments& arguments);
int cmd_serve(const Arguments& arguments);

}  // namespace brig::cli
