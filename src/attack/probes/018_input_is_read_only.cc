/// 018_input_is_read_only: opens the run's input for writing, and writes: the file is a canary and is compared outside.
/// Expected: inputs are mounted read-only.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"
#include "base/fd.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  const std::string path = args.text("input");
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd.is_open()) return held(path + ": " + error_name(errno));
  (void)!::write(fd.get(), "changed", 7);
  return breached(path + " opens for writing");
}

}  // namespace

constinit const Probe k018InputIsReadOnly = {
    .name = "018_input_is_read_only",
    .group = Group::kFiles,
    .attack = "change an input file of the run",
    .cve = "",
    .refusal = "inputs are mounted read-only",
    .run = run,
};

}  // namespace brig::attack::probes
