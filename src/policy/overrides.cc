#include "policy/overrides.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "base/text.h"
#include "policy/schema.h"
#include "policy/scratch.h"
#include "policy/validate.h"

namespace brig::policy {
namespace {

struct Flag {
  std::string_view name;
  std::optional<std::string> Overrides::* text;
};

constexpr std::array<Flag, 8> kFlags{{
    {"--timeout", &Overrides::timeout},
    {"--cpu-time", &Overrides::cpu_time},
    {"--memory", &Overrides::memory},
    {"--cpus", &Overrides::cpus},
    {"--pids", &Overrides::pids},
    {"--disk", &Overrides::disk},
    {"--output", &Overrides::output},
    {"--require", &Overrides::require},
}};

Result<> apply_scalar(Policy& policy, std::string_view flag, std::string_view text) {
  const Field* field = find_flag(flag);
  BRIG_CHECK(field != nullptr, "a flag that the schema does not know");
  field->set(policy, TRY(parse_scalar(*field, text).context(flag)));
  return {};
}

/// Keeps an explicit --output usable: the total that ends a program is never below what was asked to be kept.
void raise_output_total(Policy& policy) {
  policy.limits.output_total = std::max(policy.limits.output_total, policy.limits.output);
}

Result<> apply_in(Policy& policy, std::string_view text, std::string_view working_folder) {
  policy.mounts.push_back(TRY(parse_in(text, working_folder)));
  return check_last_mount(policy);
}

Result<> apply_env(Policy& policy, std::string_view text) {
  Variable variable = TRY(parse_env(text));
  const auto found = std::ranges::find(policy.environment, variable.name, &Variable::name);
  if (found == policy.environment.end()) {
    policy.environment.push_back(std::move(variable));
  } else {
    found->value = std::move(variable.value);
  }
  return {};
}

Result<> apply_lib(Policy& policy, std::string_view text) {
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    std::string name = TRY(normalised_library(text.substr(at, comma - at)));
    at = comma + 1;
    auto& names = policy.libraries.use;
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
  return {};
}

}  // namespace

Result<Mount> parse_in(std::string_view text, std::string_view working_folder) {
  const std::size_t split = text.rfind(":/");
  auto from = resolve_host_path(text.substr(0, split), working_folder);
  if (!from.has_value()) return Error(from.error().code(), printable(from.error().message()));
  if (split == std::string_view::npos) {
    if (from->name().empty()) {
      return Error(Code::kInvalidArgument, "\"" + printable(text) + "\" has no name to show inside: write HOST:/GUEST");
    }
    const std::string to = "/workspace/" + std::string(from->name());
    return Mount{.from = *std::move(from), .to = TRY(GuestPath::parse(to)), .access = Access::kReadOnly};
  }
  auto to = GuestPath::parse(text.substr(split + 1));
  if (!to.has_value()) return Error(to.error().code(), printable(to.error().message()));
  return Mount{.from = *std::move(from), .to = *std::move(to), .access = Access::kReadOnly};
}

Result<Variable> parse_env(std::string_view text) {
  const std::size_t split = text.find('=');
  if (split == std::string_view::npos) {
    return Error(Code::kInvalidArgument, "\"" + printable(text, 60) +
                                             "\" has no value: write NAME=VALUE (the host's "
                                             "environment never enters by itself)");
  }
  Variable variable{.name = std::string(text.substr(0, split)), .value = std::string(text.substr(split + 1))};
  TRY(check_variable(variable));
  return variable;
}

Result<Policy> apply(Policy policy, const Overrides& overrides, std::string_view working_folder) {
  for (const Flag& flag : kFlags) {
    const auto& text = overrides.*flag.text;
    if (text) TRY(apply_scalar(policy, flag.name, *text));
  }
  if (overrides.output) raise_output_total(policy);
  if (overrides.memory && !overrides.disk) fit_unasked_disk(policy.limits);
  if (overrides.runtime) {
    TRY(check_runtime(*overrides.runtime).context("--runtime"));
    policy.runtime = *overrides.runtime;
  }
  if (overrides.is_weakness_refused) policy.on_weakness = OnWeakness::kRefuse;
  for (const std::string& text : overrides.in) TRY(apply_in(policy, text, working_folder).context("--in"));
  for (const std::string& text : overrides.env) TRY(apply_env(policy, text).context("--env"));
  for (const std::string& text : overrides.lib) TRY(apply_lib(policy, text).context("--lib"));
  TRY(validate(policy));
  return policy;
}

}  // namespace brig::policy
