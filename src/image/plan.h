#pragma once
/// BuildPlan: what a Dockerfile asks for, once brig-worker has read it: stages, and in each the steps that change
/// files, with every variable put in. JSON between the two, read by the host as if an attacker had written it.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "image/manifest.h"
#include "policy/policy.h"

namespace brig::image {

inline constexpr std::size_t kStagesMost = 50;
/// Of one stage: each is a layer of an overlay, which takes 64.
inline constexpr std::size_t kStepsMost = 60;
/// More that a .dockerignore leaves out is looked at by the cache.
inline constexpr std::size_t kIgnoredMost = 5000;
inline constexpr std::size_t kPlanBytesMost = std::size_t{4} << 20;

enum class StepKind : std::uint8_t {
  kRun,     ///< `argv` is run in `folder`
  kCopy,    ///< `sources` and `texts` come to `destination`
  kFolder,  ///< `folder` is made
};

/// A file that stands in the Dockerfile itself.
struct InlineFile {
  std::string name;
  std::string text;
  bool operator==(const InlineFile&) const = default;
};

struct PlanStep {
  StepKind kind = StepKind::kRun;
  std::uint32_t line = 0;
  std::string text;  ///< the instruction, cut, for people
  std::vector<std::string> argv;
  std::vector<policy::Variable> environment;
  std::string folder = "/";  ///< absolute
  std::vector<std::string> sources;
  std::vector<InlineFile> texts;
  std::string destination;  ///< absolute; ends with "/" if it is a folder whatever there is
  std::int32_t from_stage = -1;
  std::string from_template;  ///< where sources are if it is neither a stage nor the context
  std::uint32_t mode = 0;     ///< of what is copied; 0: as it is
  bool unpacks = false;       ///< sources that are archives are unpacked (ADD)
  bool operator==(const PlanStep&) const = default;
};

struct PlanStage {
  std::string name;
  std::string base;              ///< "scratch", or a template's name if it is no stage
  std::int32_t base_stage = -1;  ///< an earlier one
  std::vector<PlanStep> steps;
  Defaults defaults;  ///< environment and working folder in the end, entry point and command; with the base's
  bool operator==(const PlanStage&) const = default;
};

/// The last stage is the one that is wanted. At least one.
struct BuildPlan {
  std::vector<PlanStage> stages;
  std::vector<std::string> notes;    ///< what was not done, in sentences
  std::vector<std::string> ignored;  ///< paths of the context that are nothing to this build, with all below them
  bool operator==(const BuildPlan&) const = default;
};

std::string to_json(const BuildPlan& plan);
Result<BuildPlan> parse_plan(std::string_view text);
/// What a step does, as one text: the same for two steps that do the same (but for files that come from another stage
/// or template).
std::string key_text(const PlanStep& step);

}  // namespace brig::image
