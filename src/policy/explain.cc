#include "policy/explain.h"

#include <vector>

#include <boost/json/value.hpp>

#include "base/text.h"
#include "json/json.h"
#include "policy/schema.h"

namespace brig::policy {
namespace {

constexpr std::size_t kPathWidth = 22;
constexpr std::size_t kValueWidth = 16;

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

std::string line(std::string_view path, const std::string& value, const std::string& note) {
  std::string text = padded(std::string(path), kPathWidth) + " ";
  text += note.empty() ? value : padded(value, kValueWidth) + " " + note;
  return text + "\n";
}

std::string mount_lines(const Policy& policy) {
  if (policy.mounts.empty()) return line("mount", "none", "");
  std::string text;
  for (const Mount& mount : policy.mounts) {
    const bool may_write = mount.access == Access::kReadWrite;
    text += line("mount",
                 printable(mount.to.text()) + " from " + printable(mount.from.text()) + ", " +
                     std::string(to_string(mount.access)),
                 may_write ? "(danger: the sandbox can change these files)" : "");
  }
  return text;
}

std::string environment_lines(const Policy& policy) {
  if (policy.environment.empty()) return line("environment", "none", "");
  std::string text;
  for (const Variable& variable : policy.environment) {
    text += line("environment." + printable(variable.name, 60), "\"" + printable(variable.value, 60) + "\"", "");
  }
  return text;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none" : text;
}

std::string library_lines(const Libraries& libraries) {
  const bool is_usual = libraries.allow == Libraries().allow;
  return line("libraries.allow", joined(libraries.allow), is_usual ? "" : "(default *)") +
         line("libraries.use", joined(libraries.use), "");
}

/// A scalar as JSON: numbers where the policy file has numbers.
boost::json::value json_scalar(const Field& field, Scalar value) {
  if (!value) return "none";
  if (field.kind == Kind::kCount) return *value;
  if (field.kind == Kind::kProcessors) return static_cast<double>(*value) / 1000;
  return boost::json::value(format_scalar(field, value));
}

}  // namespace

std::string explain(const Policy& policy) {
  const Policy defaults;
  std::string text;
  for (const Field& field : fields()) {
    // The texts stand where the schema has their first row.
    if (field.path == "environment.NAME") text += environment_lines(policy);
    if (field.path == "mount.from") text += mount_lines(policy);
    if (field.path == "libraries.allow") text += library_lines(policy.libraries);
    if (field.path == "require.runtime") {
      text += line(field.path, policy.runtime,
                   policy.runtime == defaults.runtime ? "" : "(default " + defaults.runtime + ")");
    }
    if (!field.is_scalar()) continue;
    const Scalar value = field.get(policy);
    const Scalar usual = field.get(defaults);
    text += line(field.path, format_scalar(field, value),
                 value == usual ? "" : "(default " + format_scalar(field, usual) + ")");
  }
  return text;
}

std::string explain_json(const Policy& policy) {
  const Policy defaults;
  boost::json::object root;
  boost::json::array changed;
  const auto section = [&](std::string_view name) -> boost::json::object& {
    auto& value = root[boost::json::string_view(name.data(), name.size())];
    if (!value.is_object()) value.emplace_object();
    return value.get_object();
  };
  for (const Field& field : fields()) {
    if (!field.is_scalar()) continue;
    const Scalar value = field.get(policy);
    section(field.section())[boost::json::string_view(field.key().data(), field.key().size())] =
        json_scalar(field, value);
    if (value != field.get(defaults))
      changed.emplace_back(boost::json::string_view(field.path.data(), field.path.size()));
  }
  section("require")["runtime"] = policy.runtime;
  if (policy.runtime != defaults.runtime) changed.emplace_back("require.runtime");
  auto& environment = section("environment");
  for (const Variable& variable : policy.environment) environment[variable.name] = variable.value;
  boost::json::array mounts;
  for (const Mount& mount : policy.mounts) {
    mounts.push_back(
        {{"from", mount.from.text()}, {"to", mount.to.text()}, {"access", std::string(to_string(mount.access))}});
  }
  root["mount"] = std::move(mounts);
  const auto list = [](const std::vector<std::string>& names) {
    return boost::json::array(names.begin(), names.end());
  };
  root["libraries"] = {{"allow", list(policy.libraries.allow)}, {"use", list(policy.libraries.use)}};
  if (policy.libraries.allow != defaults.libraries.allow) changed.emplace_back("libraries.allow");
  if (!policy.libraries.use.empty()) changed.emplace_back("libraries.use");
  if (!policy.environment.empty()) changed.emplace_back("environment");
  if (!policy.mounts.empty()) changed.emplace_back("mount");
  root["changed"] = std::move(changed);
  return json::write(root);
}

}  // namespace brig::policy
