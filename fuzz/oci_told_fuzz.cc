/// What an OCI runtime says (its standard error, its pid file, and reports on the socket that it holds): any bytes must
/// make a sentence that is bounded and cannot draw on a terminal.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/check.h"
#include "runtimes/oci/told.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace brig::runtimes;
  process::PlanReport report;
  if (size < sizeof report) return 0;
  std::memcpy(&report, data, sizeof report);
  const std::string_view said(reinterpret_cast<const char*>(data) + sizeof report, size - sizeof report);
  const process::JailPlan box{.steps = {process::MakeMountsPrivate{}, process::SealRoot{}}};
  const std::string message = oci::judge_nanny(report, box, "/usr/sbin/runc", said).message();
  constexpr std::size_t kAround = 300;
  BRIG_CHECK(message.size() <= 4 * oci::kComplaintMax + kAround, message);
  BRIG_CHECK(std::ranges::none_of(message, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }),
             message);
  BRIG_CHECK(oci::named_process(said) >= 0, said);
  return 0;
}
