/// 003_root_home: lists /root. In the control's room it holds decoys.
/// Expected: /root does not exist inside.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  const auto names = names_in("/root");
  if (!names.has_value()) return held("/root cannot be listed");
  return names->empty() ? held("/root is empty") : breached("/root shows " + names->front());
}

}  // namespace

constinit const Probe k003RootHome = {
    .name = "003_root_home",
    .group = Group::kFiles,
    .attack = "list root's home folder",
    .cve = "",
    .refusal = "/root does not exist inside",
    .run = run,
};

}  // namespace brig::attack::probes
