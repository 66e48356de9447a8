/// 607_inode_bomb: makes twice the permitted number of empty files, and removes them.
/// Expected: the inode limit.
#include <fcntl.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"
#include "base/fd.h"

namespace brig::attack::probes {
namespace {

constexpr runtime::Cause kEnds[] = {runtime::Cause::kDiskLimit};
Finding run(const Args& args) {
  const long limit = args.number("inodes", 500);
  const std::string folder = scratch_folder("probe-files");
  long count = 0;
  int error = 0;
  for (; count < 2 * limit; ++count) {
    const Fd fd(::open((folder + "/" + std::to_string(count)).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    if (fd.is_open()) continue;
    error = errno;
    break;
  }
  for (long index = 0; index < count; ++index) ::unlink((folder + "/" + std::to_string(index)).c_str());
  const std::string text = std::to_string(count) + " files";
  return count >= 2 * limit ? breached(text) : held(text + ", then " + error_name(error));
}

}  // namespace

constinit const Probe k607InodeBomb = {
    .name = "607_inode_bomb",
    .group = Group::kResources,
    .attack = "make files without end",
    .cve = "",
    .refusal = "the inode limit",
    .run = run,
    .held_if_ended_by = kEnds,
};

}  // namespace brig::attack::probes
