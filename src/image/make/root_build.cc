#include "image/make/root_build.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include <boost/json/value.hpp>

#include "base/text.h"
#include "image/digest.h"
#include "image/json_text.h"
#include "image/make/pack.h"
#include "json/json.h"
#include "json/reader.h"
#include "sys/file.h"

namespace brig::image {
namespace {

Result<> make_folder_at(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return Error::last_system("make " + path);
  return {};
}

}  // namespace

Result<> write_text(const std::string& path, std::string_view text) {
  const Fd file = TRY(sys::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644));
  return sys::write_all(file.ref(), text).context(path);
}

std::vector<std::string> environment_of(const std::vector<policy::Variable>& variables) {
  std::vector<std::string> environment{"HOME=/root"};
  bool has_path = false;
  for (const policy::Variable& variable : variables) {
    has_path = has_path || variable.name == "PATH";
    environment.push_back(variable.name + "=" + variable.value);
  }
  if (!has_path) environment.emplace_back("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  return environment;
}

Result<std::string> answer_of(const StepEnd& end, std::string_view doing) {
  const bool has_answered = end.exit.cause == runtime::Cause::kExited && end.exit.value <= 1 && !end.output.empty();
  if (!has_answered) {
    TRY(expect_success(end, doing));
    return Error(Code::kInternal, std::string(doing) + " ended without an answer");
  }
  const json::Value value =
      TRY(json::parse(end.output, {.max_bytes = kPlanBytesMost, .max_depth = 12, .max_values = json::kManyValues}));
  if (end.exit.value == 0) return end.output;
  const json::Reader reader(value);
  return Error(Code::kInvalidArgument, printable(TRY(TRY(reader.at("error")).text()), 1000));
}

Result<std::string> RootBuild::empty() const {
  std::string folder = place("empty");
  TRY(make_folder_at(folder));
  return folder;
}

Result<Root> RootBuild::from_scratch() const {
  // An overlay wants something below: nothing at all, in a folder.
  return Root{.image = {}, .layers = {TRY(HostPath::parse(TRY(empty())))}};
}

Result<std::string> RootBuild::fresh_changes() {
  const std::string changes = place("changes" + std::to_string(changes_++));
  TRY(make_folder_at(changes));
  TRY(make_folder_at(changes + "/upper"));
  TRY(make_folder_at(changes + "/work"));
  return changes;
}

Result<policy::Mount> RootBuild::worker_mount() const {
  return mount(workshop_.worker.text(), kWorkerPath, policy::Access::kReadOnly);
}

Result<> RootBuild::write_plan(const PlanStep& step) const {
  PlanStep alone = step;
  alone.from_stage = -1;  // its sources are in the context that it gets
  alone.from_template.clear();
  alone.line = 0;  // nothing is read that its key does not say
  alone.text.clear();
  return write_text(place("plan"), to_json({.stages = {{.base = "scratch", .steps = {std::move(alone)}}}}));
}

Result<StepEnd> RootBuild::run_inside(Step step, const Root& root, const std::string& changes) const {
  step.disk = path();
  auto mounts = std::move(step.policy.mounts);
  step.policy = {};
  step.policy.limits = step_limits();
  step.policy.limits.pids = 1024;
  step.policy.mounts = std::move(mounts);
  step.writable = runtime::WritableRoot{.layers = root.layers, .changes = TRY(HostPath::parse(changes))};
  if (root.image) {
    const Manifest& manifest = root.image->manifest;
    step.root = {.name = manifest.name, .digest = std::string(hex_of(manifest.digest)), .file = root.image->file};
  }
  return run_step(workshop_.make_runtime, step, workshop_.on_line);
}

Result<> RootBuild::copy(const PlanStep& step, const Root& root, const std::string& changes,
                         const std::string& context) const {
  TRY(write_plan(step));
  Step copy{.argv = {kWorkerPath, "copy", "/", kPlanPath, kContextPath}, .folder = "/"};
  copy.policy.mounts = {TRY(worker_mount()), TRY(mount(place("plan"), kPlanPath, policy::Access::kReadOnly)),
                        TRY(mount(context, kContextPath, policy::Access::kReadOnly))};
  TRY(answer_of(TRY(run_inside(std::move(copy), root, changes)), step.text));
  return {};
}

Result<std::string> RootBuild::gather(PlanStep& step, const Root& from) {
  const std::string changes = TRY(fresh_changes());
  const std::string name = "gathered" + std::to_string(changes_);
  const std::string out = place(name);
  if (::mkdir(out.c_str(), 0700) != 0) return Error::last_system("make " + out);
  TRY(write_plan(step));
  Step gather{.argv = {kWorkerPath, "gather", "/", kPlanPath, kOutPath}, .folder = "/"};
  gather.policy.mounts = {TRY(worker_mount()), TRY(mount(place("plan"), kPlanPath, policy::Access::kReadOnly)),
                          TRY(mount(out, kOutPath, policy::Access::kReadWrite))};
  const std::string answer = TRY(answer_of(TRY(run_inside(std::move(gather), from, changes)), step.text));
  const json::Value value = TRY(json::parse(answer));
  step.sources = TRY(text_list(json::Reader(value), {.count = 100'000, .length = 4095}));
  return pack(TRY(HostPath::parse(out)), path(), name);
}

Result<std::string> RootBuild::export_tree(const Root& root, Manifest& draft) {
  const std::string changes = TRY(fresh_changes());
  const std::string out = place("work");
  if (::mkdir(out.c_str(), 0700) != 0) return Error::last_system("make " + out);
  Step step{.argv = {kWorkerPath, "unpack", "/", kOutPath}, .folder = "/"};
  step.policy.mounts = {TRY(worker_mount()), TRY(mount(out, kOutPath, policy::Access::kReadWrite))};
  const StepEnd end = TRY(run_inside(std::move(step), root, changes).context("write the template out"));
  draft = TRY(parse_draft(TRY(answer_of(end, "writing the template out"))));
  return out + "/tree";
}

}  // namespace brig::image
