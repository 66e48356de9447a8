// What a kernel's cells can write to its host: lines, cut anywhere, and events. The cut changes nothing.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "service/kernel.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  std::vector<std::string> whole;
  std::vector<std::string> cut;
  brig::service::Lines lines;
  lines.append(bytes, [&](std::string_view line) { whole.emplace_back(line); });
  brig::service::Lines pieces;
  const std::size_t at = size > 0 ? data[0] % size : 0;
  pieces.append(bytes.first(at), [&](std::string_view line) { cut.emplace_back(line); });
  pieces.append(bytes.subspan(at), [&](std::string_view line) { cut.emplace_back(line); });
  BRIG_CHECK(whole == cut, "the cut matters");
  for (const std::string& line : whole) {
    const auto event = brig::service::parse_kernel_event(line);
    if (!event) continue;
    BRIG_CHECK(event->result.forms.size() <= brig::service::kFormsMax, "more forms than the bound");
    BRIG_CHECK(event->type != brig::service::KernelEvent::Type::kEnd || !event->status.empty(),
               "an end that says nothing");
  }
  return 0;
}
