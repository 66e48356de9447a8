#include "api/common/creation.h"

#include <algorithm>
#include <array>
#include <utility>

#include "image/own_name.h"
#include "image/prompt.h"
#include "policy/parse.h"
#include "policy/validate.h"

namespace brig::api {

Result<> settle(policy::Policy& policy) {
  if (policy.limits.output > kOutputMost)
    return Error(Code::kInvalidArgument, "$.limits.output: an answer holds at most " + format(kOutputMost) +
                                             " of each stream; all of it can be read from …/processes/{n}/output");
  policy.limits.output_total = std::max(policy.limits.output_total, policy.limits.output);
  return policy::validate(policy);
}

Result<Creation::Order> Creation::order(const Caller& caller, const ReadWish& read, std::string request_id) const {
  Wish wish = TRY(read(sandboxes_.options(), {}));
  std::optional<store::Snapshot> snapshot;
  sandboxes::Options options = sandboxes_.options();
  if (!wish.snapshot_id.empty()) {
    // What is not asked for is as it was in the sandbox that the snapshot is of.
    snapshot = TRY(snapshots_.find(caller.key, wish.snapshot_id));
    auto allowed = std::move(options.defaults.libraries.allow);
    options.defaults = TRY(policy::parse_policy(snapshot->policy, "the snapshot's policy"));
    options.defaults.libraries.allow = std::move(allowed);
  }
  ChosenTemplate chosen = TRY(choose(snapshot ? snapshot->template_name : wish.request.template_name, caller));
  const std::string folder = chosen.defaults.working_folder;
  if (snapshot) chosen.defaults = {};  // they are in its policy
  wish = TRY(read(options, chosen.defaults));
  wish.request.template_name = chosen.name;
  wish.request.working_folder = folder;
  wish.request.policy.require = std::max(wish.request.policy.require, floor_of(caller.key));
  wish.request.request_id = std::move(request_id);
  return Order{.request = std::move(wish.request), .snapshot = std::move(snapshot), .is_dry_run = wish.is_dry_run};
}

Task<sandboxes::Created> Creation::carry_out(Caller caller, Order order) {
  auto creating = order.snapshot ? snapshots_.create(std::move(caller.key), std::move(order.request), *order.snapshot)
                                 : sandboxes_.create(std::move(caller.key), std::move(order.request));
  co_return co_await std::move(creating);
}

Result<std::vector<image::Listed>> Creation::known_templates(const store::Key& key) const {
  if (!templates_) return std::vector<image::Listed>();
  auto all = TRY(templates_->list());
  std::erase_if(all, [&](const image::Listed& one) { return !image::may_see(one.manifest, key.id); });
  return all;
}

Result<std::string> Creation::prompt_of(const store::Key& key, std::string_view name,
                                        std::optional<policy::Policy> policy) const {
  const policy::Policy& defaults = sandboxes_.options().defaults;
  if (name == image::kHostName) return image::prompt(policy ? *policy : defaults, image::host_offers());
  const std::vector<image::Listed> known = TRY(known_templates(key));
  const auto found = std::ranges::find(known, name, [](const image::Listed& one) { return one.manifest.name; });
  if (found == known.end()) return no_template(name);
  if (!policy) policy = TRY(image::apply_defaults(defaults, found->manifest.defaults));
  return image::prompt(*policy, image::offers_of(found->manifest));
}

Result<ChosenTemplate> Creation::choose(const std::string& name, const Caller& caller) const {
  // The default of PandaStack's clients, if there is nothing of that name.
  static constexpr std::array<std::string_view, 1> kAliases{"ubuntu-24.04"};
  return choose_template(templates_, caller.key, name,
                         std::span(kAliases).first(caller.dialect == Dialect::kPandaStack ? 1 : 0));
}

}  // namespace brig::api
