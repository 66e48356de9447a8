#pragma once
/// RootBuild: a root that grows step by step, each step in a sandbox whose root is what there is so far and can be
/// written (runtime::WritableRoot).
///
/// What a step changes is a folder in the build folder. Such folders hold what the step left there, set-id bits and
/// all: nothing of ours walks through them but brig-worker, from inside of a sandbox.
#include <optional>
#include <string>
#include <vector>

#include "base/paths.h"
#include "base/result.h"
#include "image/make/import.h"
#include "image/make/step.h"
#include "image/plan.h"

namespace brig::image {

// In a root that can be written, things are shown below /dev only.
inline constexpr const char* kWorkerPath = "/dev/brig/worker";
inline constexpr const char* kPlanPath = "/dev/brig/plan";
inline constexpr const char* kContextPath = "/dev/brig/context";
inline constexpr const char* kOutPath = "/dev/brig/out";

/// What there is so far: an image, and changes upon it, lowest first.
struct Root {
  std::optional<Template> image;  ///< none: from scratch
  std::vector<HostPath> layers;
};

/// A file of a build's own, for a step to read.
Result<> write_text(const std::string& path, std::string_view text);

/// Of a step that runs a program of the root's own: "HOME=/root", these, and a PATH if there is none among them.
std::vector<std::string> environment_of(const std::vector<policy::Variable>& variables);

/// The worker's answer, or its words about what is wrong.
Result<std::string> answer_of(const StepEnd& end, std::string_view doing);

class RootBuild {
 public:
  /// `workshop` outlives it.
  RootBuild(const Workshop& workshop, BuildFolder folder) : workshop_(workshop), folder_(std::move(folder)) {}

  [[nodiscard]] const std::string& path() const { return folder_.path(); }
  [[nodiscard]] std::string place(const std::string& name) const { return folder_.path() + "/" + name; }

  /// An empty folder, the same each time.
  Result<std::string> empty() const;
  /// Nothing at all.
  Result<Root> from_scratch() const;
  /// A new folder of changes, with "upper" and "work" in it.
  Result<std::string> fresh_changes();
  /// Runs a step with `root` as its root; of its policy only the mounts count. `changes` is of fresh_changes().
  Result<StepEnd> run_inside(Step step, const Root& root, const std::string& changes) const;
  /// What a step copies of the tar `context` comes into the root.
  Result<> copy(const PlanStep& step, const Root& root, const std::string& changes, const std::string& context) const;
  /// What a step copies of `from`, as a tar; the step's sources are then names in it.
  Result<std::string> gather(PlanStep& step, const Root& from);
  /// Walks the finished root from inside and writes it out as a tree, whose path it returns.
  Result<std::string> export_tree(const Root& root, Manifest& draft);

 private:
  Result<> write_plan(const PlanStep& step) const;
  Result<policy::Mount> worker_mount() const;

  const Workshop& workshop_;
  BuildFolder folder_;
  unsigned changes_ = 0;
};

}  // namespace brig::image
