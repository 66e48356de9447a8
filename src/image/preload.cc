#include "image/preload.h"

#include <algorithm>

#include "base/text.h"

namespace brig::image {

bool is_module_name(std::string_view text) {
  if (text.size() > kModuleNameMost) return false;
  bool begins = true;  // a part of the name
  for (const char c : text) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    const bool is_digit = c >= '0' && c <= '9';
    if (begins ? !is_letter : !is_letter && !is_digit && c != '.') return false;
    begins = c == '.';
  }
  return !begins;
}

Result<> check_preload(std::span<const std::string> modules) {
  if (modules.size() > kPreloadMost)
    return Error(Code::kInvalidArgument, "preload: at most " + std::to_string(kPreloadMost) + " modules");
  const auto bad = std::ranges::find_if_not(modules, [](const std::string& name) { return is_module_name(name); });
  if (bad == modules.end()) return {};
  return Error(Code::kInvalidArgument,
               "preload: \"" + printable(*bad, 80) +
                   "\" is no Python module's name; one is expected as code imports it, such as \"matplotlib.pyplot\"");
}

Result<std::vector<std::string>> parse_preload(std::string_view text) {
  constexpr std::string_view kBetween = " \t\r\n,";
  std::vector<std::string> modules;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(kBetween), text.size()));
    if (text.empty()) break;
    const std::size_t end = std::min(text.find_first_of(kBetween), text.size());
    modules.emplace_back(text.substr(0, end));
    if (modules.size() > kPreloadMost) break;  // check_preload() says it
    text.remove_prefix(end);
  }
  TRY(check_preload(modules));
  return modules;
}

}  // namespace brig::image
