/// 418_fanotify: asks for a notification group without privileges and closes it.
/// Expected: the filter.
#include <sys/fanotify.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  constexpr unsigned kReportFid = 0x200;  // FAN_REPORT_FID: open to everybody since Linux 5.13
  return refused("fanotify_init", ::fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | kReportFid, 0));
}

}  // namespace

constinit const Probe k418Fanotify = {
    .name = "418_fanotify",
    .group = Group::kKernel,
    .attack = "watch every file of a file system",
    .cve = "",
    .refusal = "the filter",
    .run = run,
    .needs = "a kernel with fanotify",
};

}  // namespace brig::attack::probes
