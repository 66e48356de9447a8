#include "runtimes/oci/told.h"

#include <charconv>
#include <cstdint>

#include "base/text.h"
#include "runtimes/oci/nanny.h"
#include "runtimes/process/maker.h"

namespace brig::runtimes::oci {

Error complaint(std::string_view program, std::string_view why, std::string_view said, std::optional<int> os_error) {
  std::string text = std::string(program) + " " + std::string(why);
  while (said.ends_with('\n')) said.remove_suffix(1);
  if (!said.empty()) text += "; it said \"" + printable(said, kComplaintMax) + "\"";
  return os_error.has_value() ? Error::system(*os_error, text) : Error(Code::kUnavailable, text);
}

Error judge_nanny(const process::PlanReport& report, const process::JailPlan& box, std::string_view program,
                  std::string_view said) {
  if (report.step == kRuntimeFailed) {
    const std::int64_t code = report.os_error;
    const std::string how = code < 0 ? "signal " + std::to_string(-code) : "exit code " + std::to_string(code);
    return complaint(program, "could not make the sandbox (" + how + ")", said);
  }
  if (report.step == kRuntimeNotStarted) return complaint(program, "could not be started", said, report.os_error);
  auto judged = process::judge_report(report, box);
  if (!judged.has_value()) return std::move(judged).error().context("build the box of " + std::string(program));
  return Error(Code::kInternal, "the nanny said nothing of use");
}

int named_process(std::string_view text) {
  int pid = 0;
  std::from_chars(text.data(), text.data() + text.size(), pid);
  return pid > 0 ? pid : 0;
}

}  // namespace brig::runtimes::oci
