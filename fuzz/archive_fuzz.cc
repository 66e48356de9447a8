// Attacker: an archive's entries, as the tar inside lists them (and a tar that the guest replaced by its own). A
// symbolic link that is let through must stay in the folder, judged by another reader of paths than ours.
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/check.h"
#include "sandboxes/archive.h"

using namespace brig;

namespace {

/// "lrwxrwxrwx 0/0 0 2026-11-21 09:14 " and this.
void check_link(std::string_view entry) {
  if (entry.find('\n') != std::string_view::npos || entry.starts_with(' ') || entry.empty()) return;
  const auto refusal = sandboxes::refuse_listed("lrwxrwxrwx 0/0 0 2026-11-21 09:14 " + std::string(entry));
  if (refusal) return;
  const auto arrow = entry.find(" -> ");
  BRIG_CHECK(arrow != std::string_view::npos, "a link without a target");
  const std::filesystem::path name(entry.substr(0, arrow));
  const std::filesystem::path target(entry.substr(arrow + 4));
  BRIG_CHECK(!target.is_absolute(), "a link to a place of the whole tree");
  // An absolute name is refused by what tar says of it, not by its line.
  const auto place = (name.relative_path().parent_path() / target).lexically_normal();
  BRIG_CHECK(place.empty() || *place.begin() != "..", "a link that leads out: " + place.string());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& refusal : {sandboxes::refuse_listed(text), sandboxes::refuse_complaint(text)}) {
    if (refusal)
      BRIG_CHECK(!refusal->empty() && refusal->find('\x1b') == refusal->npos,
                 "no reason, or one that a terminal obeys");
  }
  if (text.starts_with('b') || text.starts_with('c'))
    BRIG_CHECK(sandboxes::refuse_listed(text).has_value(), "a device");
  check_link(text);
  return 0;
}
