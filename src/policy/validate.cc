#include "policy/validate.h"

#include <algorithm>
#include <array>
#include <set>
#include <span>

#include "base/text.h"
#include "policy/schema.h"

namespace brig::policy {
namespace {

/// Folders that the sandbox fills itself: a mount at, in or above them would replace a part of the wall or of the
/// system.
constexpr std::array<std::string_view, 12> kSystemFolders{"/proc", "/sys", "/dev",   "/etc",   "/usr",    "/bin",
                                                          "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/tmp/.brig"};
/// Folders that the sandbox makes and that the program writes to: a mount in them is fine, at or above them is not.
constexpr std::array<std::string_view, 3> kScratchFolders{"/tmp", "/workspace", "/home/user"};
/// Of the host: showing these would show the kernel's own interfaces, or everything.
constexpr std::array<std::string_view, 3> kHostKernelFolders{"/proc", "/sys", "/dev"};

bool is_within(std::string_view path, std::string_view folder) {
  return path == folder || folder == "/" || (path.starts_with(folder) && path[folder.size()] == '/');
}

Error invalid(const std::string& what) { return {Code::kInvalidArgument, what}; }

std::string quoted(std::string_view text) { return "\"" + printable(text) + "\""; }

Result<> check_guest_path(const GuestPath& path) {
  const std::string& text = path.text();
  if (text == "/") return invalid("mount.to: \"/\" is the sandbox's own root: choose a folder such as /data");
  for (std::string_view folder : kSystemFolders) {
    if (is_within(text, folder)) {
      return invalid("mount.to: " + quoted(text) + " is in the sandbox's own " + std::string(folder) +
                     ": choose a place in /workspace or a folder such as /data");
    }
  }
  for (std::string_view folder : kScratchFolders) {
    if (is_within(folder, text)) {
      return invalid("mount.to: " + quoted(text) + " would hide the sandbox's own " + std::string(folder) +
                     ": choose a place in it, or a folder such as /data");
    }
  }
  return {};
}

Result<> check_host_path(const HostPath& path) {
  const std::string& text = path.text();
  if (text == "/")
    return invalid("mount.from: \"/\" would show the whole host: name the folders that the program needs");
  if (is_within(text, "/dev/shm")) return {};  // ordinary files
  for (std::string_view folder : kHostKernelFolders) {
    if (is_within(text, folder)) {
      return invalid("mount.from: " + quoted(text) + " is an interface of the host's kernel and cannot be shown");
    }
  }
  return {};
}

Result<> check_mount(const Mount& mount, std::span<const Mount> others) {
  if (!is_utf8(mount.from.text()))
    return invalid("mount.from: the path " + quoted(mount.from.text()) + " is not UTF-8");
  if (!is_utf8(mount.to.text())) return invalid("mount.to: the path " + quoted(mount.to.text()) + " is not UTF-8");
  TRY(check_host_path(mount.from));
  TRY(check_guest_path(mount.to));
  for (const Mount& other : others) {
    if (mount.to == other.to) return invalid("mount.to: two mounts are at " + quoted(mount.to.text()));
    if (mount.to.is_within(other.to) || other.to.is_within(mount.to)) {
      return invalid("mount.to: the mounts at " + quoted(other.to.text()) + " and " + quoted(mount.to.text()) +
                     " lie inside each other: put them side by side");
    }
  }
  return {};
}

bool is_name(std::string_view name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && is_letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

Result<> check_environment(std::span<const Variable> environment) {
  std::set<std::string_view> names;
  std::size_t bytes = 0;
  for (const Variable& variable : environment) {
    TRY(check_variable(variable));
    if (!names.insert(variable.name).second) {
      return invalid("environment." + printable(variable.name, 60) + ": the variable is set twice");
    }
    bytes += variable.name.size() + variable.value.size() + 2;
  }
  if (bytes > kMostEnvironmentBytes) {
    return invalid("environment: the variables have " + std::to_string(bytes) +
                   " bytes, which is more than 64K: pass a file instead");
  }
  return {};
}

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

/// Written as normalised_library() would write them, and each once.
Result<> check_names(std::span<const std::string> names, std::string_view key) {
  if (names.size() > kMostLibraries)
    return invalid(std::string(key) + ": more than " + std::to_string(kMostLibraries) + " packages");
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool is_wildcard = names[i] == "*" && key == "libraries.allow";
    if (!is_wildcard && TRY(normalised_library(names[i]).context(key)) != names[i])
      return invalid(std::string(key) + ": " + quoted(names[i]) + " is not in its normal form");
    if (std::ranges::find(names.first(i), names[i]) != names.first(i).end())
      return invalid(std::string(key) + ": " + quoted(names[i]) + " is there twice");
  }
  return {};
}

}  // namespace

Result<std::string> normalised_library(std::string_view name) {
  constexpr std::size_t kMost = 100;
  const auto is_joint = [](char c) { return c == '-' || c == '_' || c == '.'; };
  const bool is_name = !name.empty() && name.size() <= kMost && is_letter_or_digit(name.front()) &&
                       is_letter_or_digit(name.back()) &&
                       std::ranges::all_of(name, [&](char c) { return is_letter_or_digit(c) || is_joint(c); });
  if (!is_name) {
    return invalid("\"" + printable(name, 60) +
                   "\" is no package's name: letters, digits, and -, _ or . between them (no version)");
  }
  std::string normal;
  for (const char c : name) {
    if (!is_joint(c)) normal += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    else if (normal.back() != '-') normal += '-';
  }
  return normal;
}

Result<> check_libraries(const Libraries& libraries) {
  TRY(check_names(libraries.allow, "libraries.allow"));
  TRY(check_names(libraries.use, "libraries.use"));
  if (std::ranges::find(libraries.allow, "*") != libraries.allow.end()) return {};
  const std::vector<std::string_view> allowed(libraries.allow.begin(), libraries.allow.end());
  std::string list;
  for (const std::string_view name : allowed) list += (list.empty() ? "" : ", ") + std::string(name);
  for (const std::string& name : libraries.use) {
    if (std::ranges::find(allowed, name) != allowed.end()) continue;
    return Error(Code::kDenied, "libraries: the policy does not allow " + quoted(name) + did_you_mean(name, allowed) +
                                    ": its libraries.allow " + (list.empty() ? "is empty" : "has " + list));
  }
  return {};
}

Result<> check_variable(const Variable& variable) {
  if (!is_name(variable.name)) {
    return invalid("environment: " + ("\"" + printable(variable.name, 60) + "\"") +
                   " cannot name a variable: use letters, digits and _, and start with no digit");
  }
  const std::string path = "environment." + printable(variable.name, 60);
  if (variable.value.contains('\0')) return invalid(path + ": the value contains a NUL byte");
  if (!is_utf8(variable.value)) return invalid(path + ": the value is not UTF-8");
  return {};
}

Result<> check_last_mount(const Policy& policy) {
  const std::span<const Mount> mounts = policy.mounts;
  if (mounts.empty()) return {};
  if (mounts.size() > kMostMounts)
    return invalid("mount: more than 64 mounts: mount the folder that holds them instead");
  return check_mount(mounts.back(), mounts.first(mounts.size() - 1));
}

Result<> check_runtime(std::string_view name) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789-";
  if (!name.empty() && name.size() <= 32 && name.find_first_not_of(kLetters) == std::string_view::npos) return {};
  return invalid("\"" + printable(name, 40) +
                 "\" is no wall's name: brig doctor lists them; auto is the strongest that "
                 "works here");
}

Result<> validate(const Policy& policy) {
  for (const Field& field : fields()) {
    if (field.is_scalar()) TRY(check_range(field, field.get(policy)).context(field.path));
  }
  const Limits& limits = policy.limits;
  if (limits.output_total < limits.output) {
    return invalid("limits.output_total: " + format(limits.output_total) + " is less than limits.output, " +
                   format(limits.output) + ": a program would be ended before that much is kept");
  }
  if (policy.mounts.size() > kMostMounts) return check_last_mount(policy);
  const std::span<const Mount> mounts = policy.mounts;
  for (std::size_t i = 0; i < mounts.size(); ++i) TRY(check_mount(mounts[i], mounts.first(i)));
  TRY(check_environment(policy.environment));
  TRY(check_libraries(policy.libraries));
  TRY(check_runtime(policy.runtime).context("require.runtime"));
  if (policy.network.mode == NetworkMode::kNone && !policy.network.rules.empty()) {
    return invalid("network: there are rules, but the mode is none");
  }
  return {};
}

}  // namespace brig::policy
