#pragma once
/// brig sandbox ports: what is listened on inside, and where it is reached.
#include "commands.h"

namespace brig::client {

int sandbox_ports(const Words& words);

}  // namespace brig::client
