/// 612_sparse_file: sets the length of a file to 1 TiB without writing, and removes it.
/// Expected: the file-size limit.
#include <fcntl.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"
#include "base/fd.h"

namespace brig::attack::probes {
namespace {

constexpr runtime::Cause kEnds[] = {runtime::Cause::kDiskLimit};
Finding run(const Args&) {
  const std::string path = scratch_folder("probe-sparse") + "/big";
  const Fd fd(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  if (!fd.is_open()) return held("no file: " + error_name(errno));
  const int result = ::ftruncate(fd.get(), 1LL << 40);
  const int error = errno;
  ::unlink(path.c_str());
  return result == 0 ? breached("a sparse file of 1 TiB") : held("ftruncate: " + error_name(error));
}

}  // namespace

constinit const Probe k612SparseFile = {
    .name = "612_sparse_file",
    .group = Group::kResources,
    .attack = "make a file that looks like a terabyte",
    .cve = "",
    .refusal = "the file-size limit",
    .run = run,
    .held_if_ended_by = kEnds,
};

}  // namespace brig::attack::probes
