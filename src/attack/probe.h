#pragma once
/// Probe: one attack on a sandbox, as data and one function. Each lives in a file of its own below probes/.
///
/// A probe runs inside brig-probe, without privileges of ours, and says what it saw. It never changes anything that
/// belongs to the host: where the real attack would do damage (writing core_pattern, loading a module, rebooting) it
/// stops at the point where the kernel would have let it. So the same code is its own control: run without a sandbox it
/// must breach.
///
/// What a probe says is only half of the verdict: the harness also looks for the run's secret token in everything it
/// printed and at the canaries outside (judge.h).
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "runtime/exit.h"

namespace brig::attack {

enum class Group : std::uint8_t {
  kFiles,
  kLeaks,
  kNetwork,
  kProcess,
  kKernel,
  kDevices,
  kResources,
  kEscapes,
  kPersistence,
  kTiming,
};
inline constexpr std::size_t kGroupCount = 10;

/// "files and secrets", "environment and /proc", …
std::string_view title_of(Group group);

enum class Outcome : std::uint8_t { kHeld, kBreached, kNotApplicable };

/// "held", "breached", "not applicable"
std::string_view to_string(Outcome outcome);

/// What a probe saw, in one line for a person. May contain anything the attacked side let it read.
struct Finding {
  Outcome outcome = Outcome::kHeld;
  std::string seen;
};

/// The arguments of a probe: "name=value" words from the harness.
class Args {
 public:
  explicit Args(std::vector<std::string> words) : words_(std::move(words)) {}
  /// The value, or "" if there is none.
  [[nodiscard]] std::string text(std::string_view name) const;
  /// The value as a whole number, or `fallback` if there is none.
  [[nodiscard]] long number(std::string_view name, long fallback) const;

 private:
  std::vector<std::string> words_;
};

struct Probe {
  std::string_view name;  ///< "001_host_shadow"; its file's name
  Group group = Group::kFiles;
  std::string_view attack;   ///< what is tried, in one line
  std::string_view cve;      ///< published cases; may be empty
  std::string_view refusal;  ///< what is expected to stop it
  Finding (*run)(const Args& args) = nullptr;

  /// The control breaches only as root (the invoking user could not do it outside a sandbox either).
  bool needs_root = false;
  /// The control breaches only on hosts that have this; empty: on all.
  std::string_view needs = {};
  /// 2: run in two sandboxes, one after the other, with `phase=1` and a marker, then `phase=2` without it.
  int phases = 1;
  Milliseconds timeout{8000};  ///< of each of its runs
  /// The sandbox holds if it ends the probe for one of these causes, whatever the probe said before.
  std::span<const runtime::Cause> held_if_ended_by = {};
  /// Where the sandbox's own attestation has a weakness that begins like this, a breach is no surprise: kNotEnforced.
  std::string_view weakness = {};
  /// Why what it says means nothing behind a kernel of the sandbox's own; a canary that was touched still counts.
  std::string_view own_kernel = {};
};

/// Every probe, in the order of their numbers.
std::span<const Probe* const> all_probes();
/// The probe of that name, or nullptr.
const Probe* find_probe(std::string_view name);

}  // namespace brig::attack
