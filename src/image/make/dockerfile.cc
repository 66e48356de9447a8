#include "image/make/dockerfile.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include <boost/json/value.hpp>

#include "base/text.h"
#include "image/digest.h"
#include "image/make/build_context.h"
#include "image/make/pack.h"
#include "image/make/root_build.h"
#include "image/plan.h"
#include "json/json.h"
#include "sys/file.h"

namespace brig::image {
namespace {

constexpr std::string_view kCacheVersion = "2";
/// Looking at more files than this takes longer than it saves.
constexpr std::size_t kLookedAtMost = 50'000;

/// A stage that was made.
struct Made {
  Root root;
  std::string key;  ///< of everything in it
};

bool is_packed(const HostPath& context) {
  struct stat status{};
  return ::lstat(context.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

Result<std::string> digest_of_file(const std::string& path) {
  const Fd file = TRY(sys::open(path, O_RDONLY | O_NOFOLLOW));
  return digest_of(file.ref());
}

class Build {
 public:
  Build(const Workshop& workshop, Store& store, const DockerfileRequest& request, BuildFolder folder)
      : workshop_(workshop), store_(store), request_(request), work_(workshop, std::move(folder)) {}

  Result<Template> run(const std::string& text);
  /// Whether it went into the build as it was when the build began.
  [[nodiscard]] bool has_used(const std::string& name) const { return used_.contains(name); }

 private:
  Result<BuildPlan> plan(const std::string& text);
  Result<std::string> options() const;
  Result<Made> make_stage(const PlanStage& stage);
  Result<Made> begin(const PlanStage& stage);
  Result<std::string> key_of(const PlanStep& step, const Made& made, std::string& packed);
  Result<> perform(const PlanStep& step, Made& made, const std::string& changes, const std::string& packed);
  Result<> perform_run(const PlanStep& step, const Made& made, const std::string& changes);
  Result<> perform_copy(PlanStep step, const Made& made, const std::string& changes, std::string packed);
  Result<std::string> pack_sources(const PlanStep& step);
  Result<Template> find(const std::string& name);
  Result<Root> root_of(const PlanStep& step);
  void say(const std::string& line) const {
    if (workshop_.on_line) workshop_.on_line(line);
  }

  const Workshop& workshop_;
  Store& store_;
  const DockerfileRequest& request_;
  RootBuild work_;
  std::vector<std::string> ignored_;  ///< of the context
  std::vector<std::optional<Made>> stages_;
  std::set<std::string> fresh_;  ///< keys of what this build made: two stages that begin alike share it
  std::set<std::string> used_;   ///< names of templates
  unsigned packed_ = 0;
};

Result<std::string> Build::options() const {
  boost::json::object templates;
  for (const Listed& listed : TRY(store_.list())) {
    const bool is_there = listed.trouble.empty() && (!request_.may_use || request_.may_use(listed.manifest));
    if (is_there) templates[listed.manifest.name] = defaults_json(listed.manifest.defaults);
  }
  boost::json::object arguments;
  for (const auto& [name, value] : request_.arguments) arguments[name] = value;
  return json::write(boost::json::object{
      {"templates", std::move(templates)}, {"arguments", std::move(arguments)}, {"target", request_.target}});
}

Result<BuildPlan> Build::plan(const std::string& text) {
  TRY(write_text(work_.place("Dockerfile"), text));
  TRY(write_text(work_.place("options"), TRY(options())));
  const std::string context =
      is_packed(request_.context) ? request_.context.text() : TRY(pack(request_.context, work_.path(), "context"));
  Step step{.argv = {"/brig/worker", "plan", "/brig/Dockerfile", "/brig/options", "/brig/context"},
            .disk = work_.path()};
  step.policy.limits = step_limits();
  constexpr auto kRead = policy::Access::kReadOnly;
  step.policy.mounts = {TRY(mount(workshop_.worker.text(), "/brig/worker", kRead)),
                        TRY(mount(work_.place("Dockerfile"), "/brig/Dockerfile", kRead)),
                        TRY(mount(work_.place("options"), "/brig/options", kRead)),
                        TRY(mount(context, "/brig/context", kRead))};
  const StepEnd end = TRY(run_step(workshop_.make_runtime, step, workshop_.on_line).context("read the Dockerfile"));
  return parse_plan(TRY(answer_of(end, "reading the Dockerfile")));
}

Result<> Build::perform_run(const PlanStep& step, const Made& made, const std::string& changes) {
  Step run{.argv = step.argv, .folder = step.folder, .shows_output = true};
  run.environment = environment_of(step.environment);
  return expect_success(TRY(work_.run_inside(std::move(run), made.root, changes)), step.text);
}

Result<Template> Build::find(const std::string& name) {
  used_.insert(name);
  auto found = store_.find(name);
  const bool is_unknown = !found && found.error().code() == Code::kNotFound;  // its sentence suggests others' names
  if (request_.may_use && (is_unknown || (found && !request_.may_use(found->manifest))))
    return Error(Code::kNotFound, "there is no template \"" + printable(name, 80) + "\" here");
  return found;
}

/// What a step copies of the context, as a tar of nothing else.
Result<std::string> Build::pack_sources(const PlanStep& step) {
  const std::string name = "copied" + std::to_string(packed_++);
  if (!step.sources.empty() && is_packed(request_.context)) {
    const std::string link = work_.place(name + ".tar");
    if (::link(request_.context.c_str(), link.c_str()) != 0) return Error::last_system("show the context");
    return link;
  }
  if (!step.sources.empty())
    return pack(request_.context, work_.path(), name, choose_members(request_.context, step.sources, ignored_));
  // All of it stands in the Dockerfile.
  return pack(TRY(HostPath::parse(TRY(work_.empty()))), work_.path(), name);
}

/// Of everything that goes into a step. `packed` is what it copies of the context.
Result<std::string> Build::key_of(const PlanStep& step, const Made& made, std::string& packed) {
  std::string key = made.key + key_text(step);
  if (step.from_stage >= 0) {
    key += stages_.at(static_cast<std::size_t>(step.from_stage))->key;
  } else if (!step.from_template.empty()) {
    key += TRY(find(step.from_template)).manifest.digest;
  } else if (step.kind != StepKind::kRun) {
    packed = TRY(pack_sources(step));
    // What others packed is not looked into here: its times are part of it.
    key += is_packed(request_.context) ? TRY(digest_of_file(packed)) : TRY(digest_without_times(packed));
  }
  return digest_of(key);
}

Result<Root> Build::root_of(const PlanStep& step) {
  if (step.from_stage >= 0) return stages_.at(static_cast<std::size_t>(step.from_stage))->root;
  return Root{.image = TRY(find(step.from_template)), .layers = {}};
}

Result<> Build::perform_copy(PlanStep step, const Made& made, const std::string& changes, std::string packed) {
  std::string tar = std::move(packed);
  if (tar.empty()) tar = TRY(work_.gather(step, TRY(root_of(step))));
  return work_.copy(step, made.root, changes, tar);
}

Result<> Build::perform(const PlanStep& step, Made& made, const std::string& changes, const std::string& packed) {
  if (step.kind == StepKind::kRun) return perform_run(step, made, changes);
  return perform_copy(step, made, changes, packed);
}

Result<Made> Build::begin(const PlanStage& stage) {
  if (stage.base_stage >= 0) return *stages_.at(static_cast<std::size_t>(stage.base_stage));
  if (stage.base == "scratch") {
    return Made{.root = TRY(work_.from_scratch()), .key = digest_of("scratch " + std::string(kCacheVersion))};
  }
  auto image = TRY(find(stage.base));
  std::string key = digest_of("image " + std::string(kCacheVersion) + " " + image.manifest.digest);
  return Made{.root = {.image = std::move(image), .layers = {}}, .key = std::move(key)};
}

Result<Made> Build::make_stage(const PlanStage& stage) {
  Made made = TRY(begin(stage));
  for (const PlanStep& step : stage.steps) {
    std::string packed;
    std::string key = TRY(key_of(step, made, packed).context("line " + std::to_string(step.line)));
    const bool may_be_known = request_.uses_cache || fresh_.contains(key);
    const auto known = may_be_known ? store_.layer(key) : std::nullopt;
    // An owner is not told: it would say that somebody else has built exactly this.
    say(step.text + (known && request_.owner.empty() ? " (from the cache)" : ""));
    if (known) {
      made.root.layers.push_back(*known);
    } else {
      const std::string changes = TRY(work_.fresh_changes());
      if (auto done = perform(step, made, changes, packed); !done) {
        return std::move(done).error().context("line " + std::to_string(step.line));
      }
      made.root.layers.push_back(TRY(store_.keep_layer(key, changes + "/upper")));
      fresh_.insert(key);
    }
    if (!packed.empty()) ::unlink(packed.c_str());  // what stays goes with the build's folder
    made.key = std::move(key);
  }
  return made;
}

/// The stages that the last one needs.
std::set<std::size_t> needed(const BuildPlan& plan) {
  std::set<std::size_t> all{plan.stages.size() - 1};
  for (std::size_t i = plan.stages.size(); i-- > 0;) {
    if (!all.contains(i)) continue;
    const PlanStage& stage = plan.stages[i];
    if (stage.base_stage >= 0) all.insert(static_cast<std::size_t>(stage.base_stage));
    for (const PlanStep& step : stage.steps) {
      if (step.from_stage >= 0) all.insert(static_cast<std::size_t>(step.from_stage));
    }
  }
  return all;
}

Result<Template> Build::run(const std::string& text) {
  const Format format = TRY(choose_format());
  const BuildPlan plan = TRY(this->plan(text));
  stages_.resize(plan.stages.size());
  ignored_ = plan.ignored;
  for (const std::size_t i : needed(plan)) {
    if (plan.stages.size() > 1)
      say("stage " + std::to_string(i + 1) + (plan.stages[i].name.empty() ? "" : " (" + plan.stages[i].name + ")"));
    stages_[i] = TRY(make_stage(plan.stages[i]));
  }
  Manifest manifest;
  const std::string tree = TRY(work_.export_tree(stages_.back()->root, manifest));
  const std::string file = TRY(make_image(workshop_, work_.path(), tree, format));
  manifest.name = request_.name;
  manifest.format = format;
  manifest.owner = request_.owner;
  manifest.provenance = {.kind = "dockerfile",
                         .source = printable(request_.file.name(), 400),
                         .source_digest = digest_of(text),
                         .packages = {}};
  auto languages = std::move(manifest.defaults.languages);
  manifest.defaults = plan.stages.back().defaults;
  manifest.defaults.languages = std::move(languages);
  manifest.defaults.limits = request_.limits;
  manifest.notes.insert(manifest.notes.end(), plan.notes.begin(), plan.notes.end());
  return store_.publish(std::move(manifest), file);
}

/// What stands for everything that goes into a build: the Dockerfile, every file of the context as it lies there, the
/// templates. Empty if that is too much to look at.
Result<std::string> identity_of(const Store& store, const DockerfileRequest& request, const std::string& text) {
  std::string all = "dockerfile " + std::string(kCacheVersion) + "\n" + digest_of(text) + "\n" + request.target + "\n";
  for (const auto& [name, value] : request.arguments) all += digest_of(name + "=" + value) + "\n";
  for (const LimitDefault& limit : request.limits) all += "limit " + limit.key + " " + limit.value + "\n";
  // What one may be built on, another may not.
  if (request.may_use) all += "owner " + request.owner + "\n";
  for (const Listed& listed : TRY(store.list())) {
    const bool is_there = !request.may_use || request.may_use(listed.manifest);
    if (is_there && listed.manifest.name != request.name)
      all += listed.manifest.name + " " + listed.manifest.digest + "\n";
  }
  if (is_packed(request.context)) return digest_of(all + TRY(digest_of_file(request.context.text())));
  std::vector<std::string> files;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator at(request.context.text(), error), end; !error && at != end;
       at.increment(error)) {
    struct stat status{};
    if (::lstat(at->path().c_str(), &status) != 0) return std::string();
    std::string line = at->path().native();
    for (const std::int64_t number :
         {static_cast<std::int64_t>(status.st_ino), static_cast<std::int64_t>(status.st_mode),
          static_cast<std::int64_t>(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
          status.st_ctim.tv_sec, status.st_ctim.tv_nsec})
      line += " " + std::to_string(number);
    files.push_back(std::move(line));
    if (files.size() > kLookedAtMost) return std::string();
  }
  if (error) return std::string();
  std::ranges::sort(files);
  for (const std::string& line : files) all += line + "\n";
  return digest_of(all);
}

}  // namespace

Result<Imported> build_dockerfile(const Workshop& workshop, Store& store, const DockerfileRequest& request) {
  TRY(check_template_name(request.name));
  const std::string text = request.text ? *request.text : TRY(read_dockerfile_text(request.file, request.context));
  const std::string key = TRY(identity_of(store, request, text));
  if (request.uses_cache && !key.empty()) {
    if (auto known = store.cached(key)) {
      known->name = request.name;
      known->owner = request.owner;
      known->created_s = 0;
      if (auto again = store.publish_again(*std::move(known)))
        return Imported{.made = *std::move(again), .is_from_cache = true};
    }
  }
  Build build(workshop, store, request, TRY(store.new_build()));
  Template made = TRY(build.run(text));
  // The identity does not say what the template of the same name was before, which this may have been built upon.
  const bool may_be_known = !key.empty() && !build.has_used(request.name);
  if (may_be_known && TRY(identity_of(store, request, text)) == key) TRY(store.remember(key, made.manifest));
  return Imported{.made = std::move(made)};
}

}  // namespace brig::image
