#pragma once
/// The suite: every chosen probe in a sandbox of its own, or as a control, two at once.
#include <functional>
#include <string>
#include <vector>

#include "async/task.h"
#include "attack/judge.h"
#include "attack/room.h"
#include "runtime/runtime.h"

namespace brig::attack {

struct SuiteOptions {
  std::string program;  ///< path of brig-probe
  std::string filter;   ///< only probes whose name or group's title contains it
  /// The interpreter whose cells start the probes; none: they are programs of the sandbox themselves.
  const service::Language* context_language = nullptr;
};

struct SuiteReport {
  std::vector<Judgement> judgements;      ///< in the order of the probes
  std::vector<std::string> host_changes;  ///< of things that must be the same before and after; each is a breach
  [[nodiscard]] std::size_t count(Verdict verdict) const;
};

std::vector<const Probe*> choose_probes(const std::string& filter);

/// Hears of each verdict as it comes, in any order.
using OnJudgement = std::function<void(const Judgement&)>;

/// Attacks sandboxes of `runtime`, which outlives the task. An Error only if the canaries cannot be set up.
/// The process's own environment, descriptors and session keyring get canaries too, for the runtime to keep out.
Task<SuiteReport> attack(runtime::Runtime& runtime, SuiteOptions options, OnJudgement on_judgement);

/// The controls: each probe without a wall. kBreached is what is hoped for; kHeld is a probe that proves nothing.
Task<SuiteReport> control(SuiteOptions options, OnJudgement on_judgement);

}  // namespace brig::attack
