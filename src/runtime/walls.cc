#include "runtime/walls.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/text.h"

namespace brig::runtime {
namespace {

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : std::string(between)) + word;
  return text;
}

Error unknown(std::string_view name, const std::vector<std::string>& names) {
  std::vector<std::string_view> known(names.begin(), names.end());
  known.push_back(policy::kStrongest);
  known.push_back(policy::kFastest);
  return {Code::kInvalidArgument, "unknown runtime \"" + printable(name, 40) + "\"" + did_you_mean(name, known) +
                                      ": here are " + joined(names, ", ") +
                                      "; auto is the strongest of them that "
                                      "works, fastest the fastest that is good enough"};
}

/// Why this one will not do; none if it will.
std::optional<Error> unfit(const Candidate& candidate, bool is_probed) {
  if (auto admitted = candidate.admit(); !admitted) return std::move(admitted).error();
  if (!is_probed) return {};
  const Probe& probe = candidate.probe();
  if (probe.is_available) return {};
  return Error(Code::kUnsupported, "the " + candidate.name + " wall cannot be built here: " + why_not(probe));
}

std::string reason_of(std::string_view how, const std::vector<std::string>& passed_over, const std::string& breaks) {
  std::string reason(how);
  if (!passed_over.empty()) reason += "; passed over: " + joined(passed_over, "; ");
  if (!breaks.empty()) reason += "; know that " + breaks;
  return reason;
}

std::string how(std::string_view wanted) {
  return wanted == policy::kStrongest ? "auto: the strongest wall that works here"
                                      : "the fastest wall that is good enough";
}

}  // namespace

std::string why_not(const Probe& probe) {
  if (probe.is_available) return {};
  std::string text;
  for (const Finding& finding : probe.findings) {
    if (finding.state != Finding::State::kMissing) continue;
    text += (text.empty() ? "" : "; ") + finding.what + ": " + finding.why;
    if (!finding.mend.empty()) text += " (" + finding.mend + ")";
  }
  return text.empty() ? "it cannot be built here" : text;
}

Result<Choice> choose(const Wish& wish, std::span<const Candidate> candidates) {
  const bool is_strongest = wish.runtime == policy::kStrongest;
  const bool is_named = !is_strongest && wish.runtime != policy::kFastest;
  std::vector<std::size_t> order;
  std::vector<std::string> names;
  std::vector<std::string> forbidden;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    names.push_back(candidates[i].name);
    if (is_named && candidates[i].name != wish.runtime) continue;
    const bool is_allowed =
        wish.allowed.empty() || std::ranges::find(wish.allowed, candidates[i].name) != wish.allowed.end();
    if (is_allowed) order.push_back(i);
    else forbidden.push_back(candidates[i].name);
  }
  if (order.empty() && forbidden.empty()) return unknown(wish.runtime, names);
  if (order.empty()) return Error(Code::kDenied, "this key may not use runtime " + joined(forbidden, ", "));
  if (is_strongest) {
    std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
      const policy::Boundary left = candidates[a].probe().boundary;
      const policy::Boundary right = candidates[b].probe().boundary;
      return left != right ? left > right : a < b;
    });
  }
  const bool is_probed = wish.is_probed || is_strongest;
  std::vector<std::string> passed_over;
  std::optional<Error> first;
  std::optional<Choice> last_resort;  // it would do, but not everything runs there
  for (const std::size_t i : order) {
    if (auto why = unfit(candidates[i], is_probed)) {
      passed_over.push_back(candidates[i].name + " (" + why->message() + ")");
      if (!first) first = std::move(why);
      continue;
    }
    // Who tries at once pays for the look only where a floor has already led away from the usual wall.
    const bool is_looked_at = is_probed || (!is_named && !passed_over.empty());
    const std::string breaks = is_looked_at ? candidates[i].probe().breaks : "";
    if (is_named) return Choice{.index = i, .reason = reason_of("asked for by name", {}, breaks)};
    if (breaks.empty()) return Choice{.index = i, .reason = reason_of(how(wish.runtime), passed_over, {})};
    if (!last_resort) last_resort = Choice{.index = i, .reason = reason_of(how(wish.runtime), passed_over, breaks)};
    passed_over.push_back(candidates[i].name + " (" + breaks + ")");
  }
  if (last_resort) return *std::move(last_resort);
  if (order.size() == 1) return *std::move(first);
  std::string text = "no wall here will do: " + joined(passed_over, "; ");
  if (!forbidden.empty()) text += "; and this key may not use " + joined(forbidden, ", ");
  return Error(Code::kUnsupported, std::move(text));
}

Walls::Walls(std::vector<Offer> offers) {
  for (Offer& offer : offers)
    entries_.push_back({.name = std::move(offer.name), .make = std::move(offer.make), .owned = {}, .probe = {}});
}

Walls::Walls(std::initializer_list<std::reference_wrapper<Runtime>> runtimes) {
  for (Runtime& runtime : runtimes)
    entries_.push_back(
        {.name = std::string(runtime.name()), .make = {}, .owned = {}, .runtime = &runtime, .probe = {}});
}

std::vector<std::string> Walls::names() const {
  std::vector<std::string> names;
  for (const Entry& entry : entries_) names.push_back(entry.name);
  return names;
}

Result<Runtime*> Walls::made(Entry& entry) {
  if (entry.runtime == nullptr) {
    entry.owned = TRY(entry.make());
    entry.runtime = entry.owned.get();
  }
  return entry.runtime;
}

Result<Runtime*> Walls::find(std::string_view name) {
  const auto found = std::ranges::find(entries_, name, &Entry::name);
  if (found == entries_.end()) return unknown(name, names());
  return made(*found);
}

const Probe& Walls::probe(Entry& entry) {
  if (!entry.probe) {
    auto runtime = made(entry);
    if (runtime) entry.probe = (*runtime)->probe();
    else entry.probe = Probe{.findings = {{Finding::State::kMissing, "helpers", runtime.error().message(), ""}}};
  }
  return *entry.probe;
}

const Probe& Walls::probe(std::string_view name) {
  const auto found = std::ranges::find(entries_, name, &Entry::name);
  BRIG_CHECK(found != entries_.end(), "a probe of a wall that is not here");
  return probe(*found);
}

policy::Policy asked_of(const Runtime& runtime, policy::Policy policy) {
  if (!runtime.capabilities().may_mount) policy.mounts.clear();
  return policy;
}

/// Whether the wall can enforce the policy and run the template.
Result<> Walls::fits(Entry& entry, const policy::Policy& policy, const RootImage& root) {
  Runtime& runtime = *TRY(made(entry));
  TRY(runtime.admit(asked_of(runtime, policy)));
  if (!root.file || runtime.capabilities().may_use_images) return {};
  return Error(Code::kUnsupported,
               "the " + entry.name + " wall cannot use images here, and the template " + root.name +
                   " is one: " + (::geteuid() == 0 ? "choose another wall" : "run as root, or choose another wall") +
                   ", or use the template host");
}

Result<Walls::Chosen> Walls::choose(const policy::Policy& policy, const RootImage& root,
                                    const std::vector<std::string>& allowed) {
  return choose(Wish{.runtime = policy.runtime, .allowed = allowed}, policy, root);
}

Result<Walls::Chosen> Walls::choose_unprobed(const policy::Policy& policy, const RootImage& root) {
  return choose(Wish{.runtime = policy.runtime, .allowed = {}, .is_probed = false}, policy, root);
}

Result<Walls::Chosen> Walls::choose(const Wish& wish, const policy::Policy& policy, const RootImage& root) {
  std::vector<Candidate> candidates;
  for (Entry& entry : entries_) {
    candidates.push_back({.name = entry.name,
                          .admit = [this, &entry, &policy, &root] { return fits(entry, policy, root); },
                          .probe = [this, &entry]() -> const Probe& { return probe(entry); }});
  }
  auto choice = TRY(runtime::choose(wish, candidates));
  return Chosen{.runtime = entries_[choice.index].runtime, .reason = std::move(choice.reason)};
}

Result<> Walls::ready() {
  for (Entry& entry : entries_) {
    if (probe(entry).is_available) TRY(entry.runtime->ready());
  }
  return {};
}

}  // namespace brig::runtime
