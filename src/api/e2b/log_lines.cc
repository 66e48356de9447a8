#include "api/e2b/log_lines.h"

namespace brig::api::e2b {

std::vector<std::string_view> newest_lines(std::string_view text, std::size_t most, std::string_view search) {
  std::vector<std::string_view> lines;
  if (text.ends_with('\n')) text.remove_suffix(1);
  else if (text.empty()) return lines;
  while (lines.size() < most) {
    const auto end = text.rfind('\n');
    const std::string_view line = (end == std::string_view::npos ? text : text.substr(end + 1)).substr(0, kLogLineMost);
    if (search.empty() || line.contains(search)) lines.push_back(line);
    if (end == std::string_view::npos) break;
    text = text.substr(0, end);
  }
  return lines;
}

}  // namespace brig::api::e2b
