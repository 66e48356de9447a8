/// The kernel's own files as Brig reads them: partly chosen by guests (names of mounts, of processes), so any text must
/// do.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtimes/process/attest.h"
#include "sys/cgroup.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)brig::runtimes::process::parse_status(text);
  (void)brig::runtimes::process::mapping_text(text);
  const std::size_t half = text.size() / 2;
  (void)brig::sys::find_cgroup_tree(text.substr(0, half), text.substr(half), "/nowhere");
  return 0;
}
