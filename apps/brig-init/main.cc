/// brig-init: enters each sandbox, executes the plan, and becomes pid 1 and the guest agent.
#include <unistd.h>

#include "agent/agent.h"
#include "agent/alone.h"
#include "runtimes/process/executor.h"
#include "runtimes/process/plan_wire.h"

int main(int count, char** arguments) {
  const char* const how = count > 1 ? arguments[1] : "";
  if (__builtin_strcmp(how, "alone") == 0) brig::agent::serve_alone(count - 2, arguments + 2);
  if (__builtin_strcmp(how, "identity") == 0) brig::runtimes::process::change_identity_or_die(arguments[0]);
  if (__builtin_strcmp(how, "stdio") == 0) {
    brig::runtimes::process::execute_stdio_or_die();
    brig::agent::serve(STDIN_FILENO, STDOUT_FILENO);
  }
  if (__builtin_strcmp(how, "inside") == 0) brig::runtimes::process::execute_inside_or_die();
  else brig::runtimes::process::execute_plan_or_die();
  brig::agent::serve(brig::runtimes::process::kChannelFd);
}
