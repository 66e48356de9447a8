#include "image/worker/member_path.h"

#include <vector>

#include "base/text.h"

namespace brig::image {
namespace {

Error refused(std::string_view text, std::string_view why) {
  return {Code::kInvalidArgument, "the path \"" + printable(text, 300) + "\" " + std::string(why)};
}

/// The components of `text` that mean something.
std::vector<std::string_view> components_of(std::string_view text) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t slash = text.find('/');
    const std::string_view part = text.substr(0, slash);
    if (!part.empty() && part != ".") parts.push_back(part);
    text.remove_prefix(slash == std::string_view::npos ? text.size() : slash + 1);
  }
  return parts;
}

std::string joined(const std::vector<std::string_view>& parts) {
  std::string path;
  for (const std::string_view part : parts) {
    if (!path.empty()) path += '/';
    path += part;
  }
  return path;
}

}  // namespace

Result<std::string> clean_member_path(std::string_view text) {
  if (text.empty()) return refused(text, "is empty");
  if (text.size() > kPathMost) return refused(text, "is too long");
  if (text.contains('\0')) return refused(text, "contains a NUL byte");
  if (text.front() == '/') return refused(text, "is absolute");
  const auto parts = components_of(text);
  if (parts.size() > kDepthMost) return refused(text, "is too deep");
  for (const std::string_view part : parts) {
    if (part == "..") return refused(text, "leads out of its folder");
    if (part.size() > kNameMost) return refused(text, "has a name that is too long");
  }
  return joined(parts);
}

std::string_view parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string_view name_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

Result<std::string> resolve_member_link(std::string_view from, std::string_view target) {
  if (target.empty() || target.size() > kPathMost || target.contains('\0') || target.front() == '/')
    return refused(target, "is no link inside the archive");
  std::vector<std::string_view> parts = components_of(parent_of(from));
  for (const std::string_view part : components_of(target)) {
    if (part != "..") {
      parts.push_back(part);
      continue;
    }
    if (parts.empty()) return refused(target, "leads out of the archive");
    parts.pop_back();
  }
  return joined(parts);
}

}  // namespace brig::image
