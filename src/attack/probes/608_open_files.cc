/// 608_open_files: raises its own limit as far as it may and duplicates a descriptor up to twice the policy's number.
/// Expected: the limit of open files, soft and hard alike.
#include <sys/resource.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  const long limit = args.number("files", 256);
  struct rlimit own{};
  ::getrlimit(RLIMIT_NOFILE, &own);
  own.rlim_cur = own.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &own);
  long count = 0;
  while (count < 2 * limit && ::dup(0) >= 0) ++count;
  const std::string text = std::to_string(count) + " descriptors";
  return count >= 2 * limit ? breached(text) : held(text + ", then " + error_name(errno));
}

}  // namespace

constinit const Probe k608OpenFiles = {
    .name = "608_open_files",
    .group = Group::kResources,
    .attack = "open descriptors without end",
    .cve = "",
    .refusal = "the limit of open files, soft and hard alike",
    .run = run,
};

}  // namespace brig::attack::probes
