#pragma once
/// Runs probes and their controls against one daemon, and judges.
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "attack/api/probe.h"
#include "attack/api/scene.h"

namespace brig::attack::api {

enum class Verdict : std::uint8_t { kHeld, kBreached, kNotApplicable, kNotRun };

/// "held", "breached", "not applicable", "not run"
std::string_view to_string(Verdict verdict);

struct Judgement {
  const Probe* probe = nullptr;
  Verdict verdict = Verdict::kNotRun;
  std::string why;  ///< printable, without the victim's secret and keys
};

/// The verdict over one probe, from what the attack and its control reached. Pure. Held only if the control reached
/// what the attack did not: a control that reaches nothing makes it kNotRun.
Judgement judge(const Probe& probe, const Result<Finding>& attack, const Result<Finding>& control);

struct Report {
  std::vector<Judgement> judgements;
  [[nodiscard]] std::size_t count(Verdict verdict) const;
};

/// The probes whose name or group contains `filter`.
std::vector<const Probe*> choose_probes(std::string_view filter);

/// First all attacks, then all controls: those change what the attacks must not. `on_step` after each.
Task<Report> attack(Scene& scene, std::vector<const Probe*> probes, std::function<void()> on_step);

/// For people, for programs, for docs/attack.md.
std::string table(const Report& report);
std::string to_json(const Report& report, std::string_view url);
std::string list(const std::vector<const Probe*>& probes);
std::string markdown_list();

/// 0 all held, 1 any breach, 125 something could not be run.
int exit_code_of(const Report& report);

}  // namespace brig::attack::api
