/// 807_input_stays: makes a file beside the input and writes into it, and looks for the marker in the second sandbox.
/// The file is also compared outside. Expected: inputs are mounted read-only.
#include <fcntl.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"
#include "base/fd.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  const std::string path = args.text("input");
  const std::string marker = args.text("marker");
  if (args.text("phase") == "2") {
    const auto text = read_some(path);
    return text.value_or("").starts_with("marker") ? breached(path + ": " + *text) : held(path + " is unchanged");
  }
  const Fd fd(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  if (fd.is_open()) (void)!::write(fd.get(), ("marker " + marker).data(), marker.size() + 7);
  return held("tried");
}

}  // namespace

constinit const Probe k807InputStays = {
    .name = "807_input_stays",
    .group = Group::kPersistence,
    .attack = "leave something in the folder a second run is given as input",
    .cve = "",
    .refusal = "inputs are mounted read-only",
    .run = run,
    .phases = 2,
};

}  // namespace brig::attack::probes
