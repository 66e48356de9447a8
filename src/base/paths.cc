#include "base/paths.h"

#include <vector>

namespace brig {
namespace internal {

namespace {
constexpr std::size_t kPathMax = 4095;  // PATH_MAX of linux/limits.h, without the final NUL
}

Result<std::string> normalise_path(std::string_view text, bool is_parent_allowed) {
  if (text.empty()) return Error(Code::kInvalidArgument, "the path is empty");
  if (text.size() > kPathMax) return Error(Code::kInvalidArgument, "the path is longer than 4095 bytes");
  if (text.front() != '/') {
    return Error(Code::kInvalidArgument,
                 "the path \"" + std::string(text) + "\" is not absolute (it must start with /)");
  }
  for (char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return Error(Code::kInvalidArgument, "the path contains a control character");
    }
  }
  std::vector<std::string_view> parts;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('/', start), text.size());
    const std::string_view part = text.substr(start, end - start);
    start = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!is_parent_allowed) {
        return Error(Code::kInvalidArgument, "the path \"" + std::string(text) + "\" contains \"..\"");
      }
      if (!parts.empty()) parts.pop_back();
      continue;
    }
    parts.push_back(part);
  }
  if (parts.empty()) return std::string("/");
  std::string normal;
  normal.reserve(text.size());
  for (std::string_view part : parts) {
    normal += '/';
    normal += part;
  }
  return normal;
}

}  // namespace internal

Result<HostPath> resolve_host_path(std::string_view text, std::string_view working_folder) {
  if (text.empty()) return Error(Code::kInvalidArgument, "the path is empty");
  std::string absolute;
  if (text.front() != '/') {
    absolute = working_folder;
    absolute += '/';
  }
  absolute += text;
  return HostPath::parse(TRY(internal::normalise_path(absolute, true)));
}

}  // namespace brig
