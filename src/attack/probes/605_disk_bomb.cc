/// 605_disk_bomb: writes twice the limit to files in /tmp, and removes them.
/// Expected: the disk limit: scratch is a tmpfs of that size.
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
  const std::string folder = scratch_folder("probe-disk");
  const std::string block(1 << 20, 'x');
  long have = 0;
  int error = 0;
  for (int index = 0; have < 2 * limit && error == 0; ++index) {
    const Fd fd(::open((folder + "/" + std::to_string(index)).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    const ssize_t n = fd.is_open() ? ::write(fd.get(), block.data(), block.size()) : -1;
    if (n <= 0) error = errno;
    have += n > 0 ? n : 0;
  }
  for (long index = 0; index <= 2 * limit >> 20; ++index) ::unlink((folder + "/" + std::to_string(index)).c_str());
  const std::string text = std::to_string(have >> 20) + " MiB";
  return have >= 2 * limit ? breached(text) : held(text + ", then " + error_name(error));
}

}  // namespace

constinit const Probe k605DiskBomb = {
    .name = "605_disk_bomb",
    .group = Group::kResources,
    .attack = "fill the disk",
    .cve = "",
    .refusal = "the disk limit: scratch is a tmpfs of that size",
    .run = run,
    .held_if_ended_by = kEnds,
};

}  // namespace brig::attack::probes
