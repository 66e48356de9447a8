#pragma once
/// The program brig-probe:
///   brig-probe NAME key=value…            one probe; its finding is the last line of standard output
///   brig-probe @canary FOLDER             the canary process (canary.h)
///   brig-probe @room key=value… NAME …    a room without a wall, and the probe in it (stage.h)
#include <optional>
#include <string>
#include <string_view>

#include "attack/probe.h"

namespace brig::attack {

int probe_main(int argc, char** argv);

/// One line: "brig-probe: breached: /etc/shadow opens". What was seen is made printable and cut.
std::string line_of(const Finding& finding);
/// The finding of the last such line of a probe's output; nothing if there is none.
std::optional<Finding> finding_in(std::string_view output);

}  // namespace brig::attack
