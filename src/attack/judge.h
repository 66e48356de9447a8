#pragma once
/// The verdict over one run of a probe, from what was seen outside and from what the probe said. Pure.
///
/// The secret in the output, or a canary that was touched, is a breach whatever the probe claims. A probe that gave no
/// answer has not held: it is a breach, unless what ended it is what the probe's table names.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "attack/probe.h"
#include "runtime/exit.h"

namespace brig::attack {

/// What happened outside while a probe ran.
struct Observation {
  runtime::Exit exit;
  std::string output;                   ///< stdout then stderr, of the last phase; head and tail
  std::vector<std::string> damage;      ///< canaries that were touched, in words
  std::vector<std::string> weaknesses;  ///< what the sandbox's attestation says is not enforced
  bool has_own_kernel = false;          ///< the sandbox's boundary is more than the host's kernel
  std::string trouble;                  ///< why the probe could not be run; empty if it was
};

/// What only the harness knows.
struct Secrets {
  std::string token;   ///< lies outside
  std::string marker;  ///< was left by the first phase
};

/// kNotEnforced: breached, and the sandbox's own attestation had named that beforehand.
enum class Verdict : std::uint8_t { kHeld, kBreached, kNotEnforced, kNotApplicable, kNotRun };

/// "held", "breached", "not enforced", "not applicable", "not run"
std::string_view to_string(Verdict verdict);

struct Judgement {
  const Probe* probe = nullptr;
  Verdict verdict = Verdict::kNotRun;
  std::string why;  ///< printable, without the secrets
};

Judgement judge(const Probe& probe, const Observation& observation, const Secrets& secrets);

/// For a control, which must breach: kBreached is good, kHeld means that the probe proves nothing. kNotApplicable where
/// this host, or a user who is not root, has nothing to breach.
Judgement judge_control(const Probe& probe, const Observation& observation, const Secrets& secrets, bool is_root);

}  // namespace brig::attack
