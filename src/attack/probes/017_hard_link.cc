/// 017_hard_link: links a canary outside to a name of its own.
/// Expected: the file is in no folder of the sandbox.
#include <unistd.h>

#include <cerrno>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  const std::string from = args.text("canary_dir") + "/secret";
  const std::string to = args.text("canary_dir") + "/linked";
  return refused("link", ::link(from.c_str(), to.c_str()), {ENOENT, EXDEV, EROFS});
}

}  // namespace

constinit const Probe k017HardLink = {
    .name = "017_hard_link",
    .group = Group::kFiles,
    .attack = "keep a host file alive by a hard link",
    .cve = "",
    .refusal = "the file is in no folder of the sandbox",
    .run = run,
};

}  // namespace brig::attack::probes
