#include "attack/judge.h"

#include <algorithm>
#include <csignal>

#include "attack/program.h"
#include "base/text.h"

namespace brig::attack {
namespace {

constexpr std::size_t kWhyLimit = 160;

/// `text` for a report: printable, short, and the secrets named instead of shown.
std::string shown(std::string text, const Secrets& secrets) {
  for (const auto& [secret, name] :
       {std::pair(secrets.token, "<the canary's secret>"), std::pair(secrets.marker, "<the marker>")}) {
    for (std::size_t at = 0; !secret.empty() && (at = text.find(secret, at)) != std::string::npos;)
      text.replace(at, secret.size(), name);
  }
  return printable(text, kWhyLimit);
}

bool contains(const std::string& text, const std::string& word) {
  return !word.empty() && text.find(word) != std::string::npos;
}

/// Ended by what the probe was after. The kernel's out-of-memory kill may also show as a plain SIGKILL, which nobody
/// else inside sends.
bool is_expected_end(const Probe& probe, const runtime::Exit& exit) {
  const auto expects = [&](runtime::Cause cause) {
    return std::ranges::find(probe.held_if_ended_by, cause) != probe.held_if_ended_by.end();
  };
  const bool is_killed = exit.cause == runtime::Cause::kSignalled && exit.value == SIGKILL;
  return expects(exit.cause) || (is_killed && expects(runtime::Cause::kMemoryLimit));
}

Verdict verdict_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kHeld: return Verdict::kHeld;
    case Outcome::kBreached: return Verdict::kBreached;
    case Outcome::kNotApplicable: return Verdict::kNotApplicable;
  }
  return Verdict::kNotRun;
}

/// What of the observation proves a breach; empty if nothing does.
std::string proof_of_breach(const Observation& observation, const Secrets& secrets,
                            const std::optional<Finding>& finding) {
  if (!observation.damage.empty()) return observation.damage.front();
  if (finding.has_value() && finding->outcome == Outcome::kBreached) return finding->seen;
  if (contains(observation.output, secrets.token)) return "the canary's secret is in the output";
  if (contains(observation.output, secrets.marker)) return "the other sandbox's marker is in the output";
  return {};
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kHeld: return "held";
    case Verdict::kBreached: return "breached";
    case Verdict::kNotEnforced: return "not enforced";
    case Verdict::kNotApplicable: return "not applicable";
    case Verdict::kNotRun: return "not run";
  }
  return "?";
}

Judgement judge(const Probe& probe, const Observation& observation, const Secrets& secrets) {
  const std::optional<Finding> finding = finding_in(observation.output);
  const auto verdict = [&](Verdict which, std::string why) {
    return Judgement{&probe, which, shown(std::move(why), secrets)};
  };
  if (const std::string proof = proof_of_breach(observation, secrets, finding); !proof.empty()) {
    for (const std::string& weakness : observation.weaknesses) {
      if (!probe.weakness.empty() && weakness.starts_with(probe.weakness))
        return verdict(Verdict::kNotEnforced, "as attested: " + weakness);
    }
    const bool is_proven = !observation.damage.empty() || contains(observation.output, secrets.token) ||
                           contains(observation.output, secrets.marker);
    if (observation.has_own_kernel && !probe.own_kernel.empty() && !is_proven)
      return verdict(Verdict::kNotApplicable, std::string(probe.own_kernel));
    return verdict(Verdict::kBreached, proof);
  }
  if (!observation.trouble.empty()) return verdict(Verdict::kNotRun, observation.trouble);
  const std::string status(runtime::status_of(observation.exit));
  if (is_expected_end(probe, observation.exit)) {
    return verdict(Verdict::kHeld, "the sandbox ended it: " + status);
  }
  if (observation.exit.cause == runtime::Cause::kPolicyKill)
    return verdict(Verdict::kHeld, "ended by the system-call filter");
  if (finding.has_value()) return verdict(verdict_of(finding->outcome), finding->seen);
  if (observation.has_own_kernel && !probe.own_kernel.empty())
    return verdict(Verdict::kNotApplicable, std::string(probe.own_kernel));
  return verdict(Verdict::kBreached,
                 "no answer, so nothing was proven: " + status + " " + std::to_string(observation.exit.value));
}

Judgement judge_control(const Probe& probe, const Observation& observation, const Secrets& secrets, bool is_root) {
  const std::optional<Finding> finding = finding_in(observation.output);
  const auto verdict = [&](Verdict which, std::string why) {
    return Judgement{&probe, which, shown(std::move(why), secrets)};
  };
  if (const std::string proof = proof_of_breach(observation, secrets, finding); !proof.empty())
    return verdict(Verdict::kBreached, proof);
  if (!observation.trouble.empty()) return verdict(Verdict::kNotRun, observation.trouble);
  if (finding.has_value() && finding->outcome == Outcome::kNotApplicable)
    return verdict(Verdict::kNotApplicable, finding->seen);
  if (!probe.needs.empty()) return verdict(Verdict::kNotApplicable, "needs " + std::string(probe.needs));
  if (probe.needs_root && !is_root) return verdict(Verdict::kNotApplicable, "needs root");
  return verdict(Verdict::kHeld, "does not breach: " + (finding.has_value() ? finding->seen : observation.output));
}

}  // namespace brig::attack
