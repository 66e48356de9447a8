/// 614_deep_folders: descends through folders with long names until there are twice as many as the policy's inodes;
/// they are removed on the way back. Published: CVE-2021-33909 class (Sequoia): path lengths beyond 2 GiB. Expected:
/// the inode limit.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

constexpr runtime::Cause kEnds[] = {runtime::Cause::kDiskLimit};
Finding run(const Args& args) {
  const long enough = args.number("inodes", 500) * 2;
  const std::string name(200, 'd');
  if (::chdir(scratch_folder("probe-deep").c_str()) != 0) return held("no folder to begin in");
  long depth = 0;
  while (depth < enough && ::mkdir(name.c_str(), 0700) == 0 && ::chdir(name.c_str()) == 0) ++depth;
  const int error = errno;
  for (long level = depth; level > 0; --level) {
    if (::chdir("..") != 0) break;
    ::rmdir(name.c_str());
  }
  const std::string text = std::to_string(depth) + " levels";
  return depth >= enough ? breached(text) : held(text + ", then " + error_name(error));
}

}  // namespace

constinit const Probe k614DeepFolders = {
    .name = "614_deep_folders",
    .group = Group::kResources,
    .attack = "make folders so deep that nobody can remove them",
    .cve = "CVE-2021-33909 class (Sequoia): path lengths beyond 2 GiB",
    .refusal = "the inode limit",
    .run = run,
    .held_if_ended_by = kEnds,
};

}  // namespace brig::attack::probes
