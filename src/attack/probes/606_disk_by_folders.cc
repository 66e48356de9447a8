/// 606_disk_by_folders: writes two thirds of the limit to each of /tmp, /workspace, /home/user and /dev/shm, and
/// removes the files. Expected: all scratch folders are one file system with one limit.
#include <fcntl.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"
#include "base/fd.h"

namespace brig::attack::probes {
namespace {

constexpr runtime::Cause kEnds[] = {runtime::Cause::kDiskLimit, runtime::Cause::kMemoryLimit};
Finding run(const Args& args) {
  const long limit = args.number("disk", 16 << 20);
  const std::string block(64 << 10, 'x');
  long total = 0;
  for (const std::string& folder : scratch_folders()) {
    const std::string path = folder + "/probe-fill";
    const Fd fd(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    long have = 0;
    while (fd.is_open() && have < limit / 3 * 2) {
      const ssize_t n = ::write(fd.get(), block.data(), block.size());
      if (n <= 0) break;
      have += n;
    }
    total += have;
  }
  for (const std::string& folder : scratch_folders()) ::unlink((folder + "/probe-fill").c_str());
  const std::string text = std::to_string(total >> 20) + " MiB in all";
  return total > limit + limit / 8 ? breached(text) : held(text);
}

}  // namespace

constinit const Probe k606DiskByFolders = {
    .name = "606_disk_by_folders",
    .group = Group::kResources,
    .attack = "use each scratch folder up to the limit",
    .cve = "",
    .refusal = "all scratch folders are one file system with one limit",
    .run = run,
    .held_if_ended_by = kEnds,
};

}  // namespace brig::attack::probes
