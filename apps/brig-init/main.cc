/// brig-init: enters each sandbox as a sealed copy in memory, executes the plan, and becomes pid 1 and the guest agent.
#include "agent/agent.h"
#include "runtimes/process/executor.h"
#include "runtimes/process/plan_wire.h"

int main(int count, char** arguments) {
  if (count > 1 && __builtin_strcmp(arguments[1], "inside") == 0) brig::runtimes::process::execute_inside_or_die();
  else brig::runtimes::process::execute_plan_or_die();
  brig::agent::serve(brig::runtimes::process::kChannelFd);
}
