/// brig-init: enters each sandbox as a sealed copy in memory, executes the plan, and becomes pid 1 and the guest agent.
#include "agent/agent.h"
#include "runtimes/process/executor.h"
#include "runtimes/process/plan_wire.h"

int main() {
  brig::runtimes::process::execute_plan_or_die();
  brig::agent::serve(brig::runtimes::process::kChannelFd);
}
