/// 714_file_handles: takes the handle of the root folder and opens it.
/// Published: the Docker escape of 2014 (shocker).
/// Expected: the filter, and no CAP_DAC_READ_SEARCH.
#include <fcntl.h>
#include <unistd.h>

#include <cstdint>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"
#include "base/fd.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  alignas(file_handle) char space[sizeof(file_handle) + 128] = {};
  auto* handle = reinterpret_cast<file_handle*>(space);
  handle->handle_bytes = 128;
  int mount = 0;
  if (::name_to_handle_at(AT_FDCWD, "/tmp", handle, &mount, 0) != 0)
    return refused("name_to_handle_at", -1, {EOPNOTSUPP});
  const Fd place(::open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const Fd opened(::open_by_handle_at(place.get(), handle, O_RDONLY | O_CLOEXEC));
  return refused("open_by_handle_at", opened.get());
}

}  // namespace

constinit const Probe k714FileHandles = {
    .name = "714_file_handles",
    .group = Group::kEscapes,
    .attack = "open files by number, past every mount",
    .cve = "the Docker escape of 2014 (shocker)",
    .refusal = "the filter, and no CAP_DAC_READ_SEARCH",
    .run = run,
    .needs_root = true,
};

}  // namespace brig::attack::probes
