#include "image/make/debian.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "image/digest.h"
#include "image/make/debian_scripts.h"
#include "image/make/root_build.h"
#include "sys/file.h"

namespace brig::image {
namespace {

constexpr std::string_view kCacheVersion = "3";
/// What is given a date is given this one (finish_debian.sh).
constexpr const char* kNow = "1700000000";
constexpr const char* kPackages = "/dev/brig/packages";
constexpr const char* kJob = "/dev/brig/job";

struct Program {
  const char* path;
  const char* package;
};
/// Of the host: what fetches, and what reads a package's file.
constexpr std::array<Program, 2> kPrograms{{{"/usr/bin/apt-get", "apt"}, {"/usr/bin/dpkg-deb", "dpkg"}}};

/// Debian's and its children's releases have a name in os-release.
Result<std::string> release() {
  const std::string text = TRY(sys::read_file("/etc/os-release", std::size_t{64} << 10));
  constexpr std::string_view kKey = "\nVERSION_CODENAME=";
  const std::size_t at = text.find(kKey);
  std::string name = at == std::string::npos ? "" : text.substr(at + kKey.size());
  name.resize(std::min(name.find('\n'), name.size()));
  std::erase(name, '"');
  if (!std::ranges::all_of(name, [](char c) { return c >= 'a' && c <= 'z'; }) || name.empty())
    return Error(
        Code::kUnsupported,
        "this host's /etc/os-release names no Debian release: make the template on Debian or Ubuntu, or import "
        "an image that you have (brig template import)");
  for (const Program& program : kPrograms) {
    if (::access(program.path, X_OK) != 0)
      return Error(Code::kUnsupported, "packages are had with " + std::string(program.path) +
                                           ", which is not here: apt-get install " + program.package);
  }
  return name;
}

std::string lines(const std::vector<std::string>& words, std::string_view before = "") {
  std::string text;
  for (const std::string& word : words) text += std::string(before) + word + "\n";
  return text;
}

/// Hands lines on, and keeps the first that says why dpkg gave up.
class Listener {
 public:
  explicit Listener(const OnLine& on_line) : on_line_(on_line) {}
  void operator()(std::string_view line) {
    if (why_.empty() && line.starts_with("dpkg: error")) why_ = line;
    if (on_line_) on_line_(line);
  }
  [[nodiscard]] const std::string& why() const { return why_; }

 private:
  const OnLine& on_line_;
  std::string why_;
};

class Build {
 public:
  Build(const Workshop& workshop, const Definition& definition, BuildFolder folder)
      : listener_(workshop.on_detail), told_(workshop), workshop_(workshop), definition_(definition),
        work_(workshop_, std::move(folder)) {
    workshop_.on_line = [this](std::string_view line) { listener_(line); };
  }
  Build(const Build&) = delete;
  Build& operator=(const Build&) = delete;
  ~Build() = default;

  Result<> fetch();
  Result<Root> install();
  Result<std::vector<std::string>> list(const Root& root);
  RootBuild& work() { return work_; }
  [[nodiscard]] const Workshop& workshop() const { return told_; }

 private:
  Result<std::string> lay_out();
  Result<StepEnd> run_script(Step step, const Root& root, const std::string& changes);
  void say(std::string_view line) const {
    if (told_.on_line) told_.on_line(line);
  }

  Listener listener_;
  const Workshop& told_;
  Workshop workshop_;  ///< in which all that is printed is a detail
  const Definition& definition_;
  RootBuild work_;
  FetchedPackages fetched_;
};

Result<> Build::fetch() {
  say("getting the packages");
  fetched_ = TRY(fetch_packages(work_.path(), definition_.packages, workshop_.on_line));
  const std::string job = work_.place("job");
  if (::mkdir(job.c_str(), 0755) != 0) return Error::last_system("make " + job);
  TRY(write_job(job, definition_, fetched_));
  TRY(write_text(job + "/unpack", kUnpackDebian));
  TRY(write_text(job + "/install", kInstallDebian));
  return write_text(job + "/finish", kFinishDebian);
}

/// The essential packages' files as a tar, unpacked by the host's programs in a sandbox.
Result<std::string> Build::lay_out() {
  say("unpacking " + std::to_string(fetched_.essential.size()) + " essential packages");
  const std::string out = work_.place("essential");
  if (::mkdir(out.c_str(), 0700) != 0) return Error::last_system("make " + out);
  Step step{.argv = {"/bin/sh", "/brig/job/unpack"}, .shows_output = true, .disk = work_.path()};
  step.policy.limits = step_limits();
  step.policy.mounts = {TRY(mount(fetched_.folder, "/brig/packages", policy::Access::kReadOnly)),
                        TRY(mount(work_.place("job"), "/brig/job", policy::Access::kReadOnly)),
                        TRY(mount(out, "/brig/out", policy::Access::kReadWrite))};
  const StepEnd end = TRY(run_step(workshop_.make_runtime, step, workshop_.on_line));
  TRY(expect_success(end, "unpacking the essential packages"));
  // Who wrote it could have put a link there instead, and it is opened with our rights.
  std::string tar = out + "/root.tar";
  struct stat info{};
  if (::lstat(tar.c_str(), &info) != 0 || !S_ISREG(info.st_mode))
    return Error(Code::kInternal, "unpacking the essential packages left no tar");
  return tar;
}

Result<StepEnd> Build::run_script(Step step, const Root& root, const std::string& changes) {
  step.folder = "/";
  step.environment = environment_of({{"LC_ALL", "C.UTF-8"},
                                     {"DEBIAN_FRONTEND", "noninteractive"},
                                     {"DEBCONF_NONINTERACTIVE_SEEN", "true"},
                                     {"SOURCE_DATE_EPOCH", kNow}});
  step.policy.mounts = {TRY(mount(fetched_.folder, kPackages, policy::Access::kReadOnly)),
                        TRY(mount(work_.place("job"), kJob, policy::Access::kReadOnly))};
  return work_.run_inside(std::move(step), root, changes);
}

Result<Root> Build::install() {
  Root root = TRY(work_.from_scratch());
  const auto grow = [&](const std::string& changes) -> Result<> {
    root.layers.push_back(TRY(HostPath::parse(changes + "/upper")));
    return {};
  };
  const std::string tar = TRY(lay_out());
  std::string changes = TRY(work_.fresh_changes());
  const PlanStep everything{
      .kind = StepKind::kCopy, .text = "laying out the essential packages", .sources = {"."}, .destination = "/"};
  TRY(work_.copy(everything, root, changes, tar));
  TRY(grow(changes));
  say("installing " + std::to_string(fetched_.steps.size() / 2) + " packages");
  changes = TRY(work_.fresh_changes());
  Step step{.argv = {"/bin/sh", "-c", "sh /dev/brig/job/install && exec sh /dev/brig/job/finish '' /dev/brig/job"},
            .shows_output = true};
  const StepEnd end = TRY(run_script(std::move(step), root, changes));
  if (auto done = expect_success(end, "installing the packages"); !done) {
    const Error& error = done.error();
    return Error(error.code(), error.message() + (listener_.why().empty() ? "" : ": " + listener_.why()));
  }
  TRY(grow(changes));
  return root;
}

Result<std::vector<std::string>> Build::list(const Root& root) {
  Step step{.argv = {"/usr/bin/dpkg-query", "-W", "-f", "${Package}=${Version}\n"}};
  const StepEnd end = TRY(run_script(std::move(step), root, TRY(work_.fresh_changes())));
  TRY(expect_success(end, "listing the packages"));
  return installed_packages(end.output, fetched_);
}

/// By which the cache knows what is built of this text here.
Result<std::string> key_of(const DefinitionRequest& request, const std::string& release) {
  std::string identity =
      "debian " + std::string(kCacheVersion) + "\n" + release + "\n" + digest_of(request.text) + "\n";
  for (const std::string& file : TRY(apt_files()))
    identity += digest_of(TRY(sys::read_file(file, std::size_t{1} << 20))) + "\n";
  return digest_of(identity);
}

}  // namespace

Result<> write_job(const std::string& job, const Definition& definition, const FetchedPackages& fetched) {
  const std::set<std::string, std::less<>> essential(fetched.essential.begin(), fetched.essential.end());
  std::string first;
  std::string rest;
  for (const AptStep& step : fetched.steps) {
    const bool is_unpacked = step.kind == AptStep::Kind::kUnpack;
    if (essential.contains(step.package)) first += is_unpacked ? package_file(step) + "\n" : std::string();
    else rest += is_unpacked ? "unpack " + package_file(step) + "\n" : "configure " + step.package + "\n";
  }
  TRY(write_text(job + "/essential", first));
  TRY(write_text(job + "/steps", rest));
  TRY(write_text(job + "/exclude", lines(definition.exclude)));
  TRY(write_text(job + "/exclude.tar", lines(definition.exclude, ".")));
  TRY(write_text(job + "/purge", lines(definition.purge)));
  return write_text(job + "/remove", lines(definition.remove));
}

std::vector<std::string> installed_packages(std::string_view said, const FetchedPackages& fetched) {
  std::set<std::string, std::less<>> known;
  for (const AptStep& step : fetched.steps) {
    if (step.kind == AptStep::Kind::kUnpack) known.insert(step.package + "=" + step.version);
  }
  std::set<std::string> found;
  while (!said.empty()) {
    const std::string_view line = said.substr(0, said.find('\n'));
    said.remove_prefix(std::min(said.size(), line.size() + 1));
    if (const auto one = known.find(line); one != known.end()) found.insert(*one);
  }
  return {found.begin(), found.end()};
}

Result<Imported> build_definition(const Workshop& workshop, Store& store, const DefinitionRequest& request) {
  TRY(check_template_name(request.name));
  const std::string release = TRY(image::release());
  const std::string key = TRY(key_of(request, release));
  if (request.uses_cache) {
    if (auto known = store.cached(key)) {
      known->name = request.name;
      known->created_s = 0;
      if (auto again = store.publish_again(*std::move(known)))
        return Imported{.made = *std::move(again), .is_from_cache = true};
    }
  }
  const Format format = TRY(choose_format());  // before the minutes that the rest takes
  Build build(workshop, request.definition, TRY(store.new_build()));
  TRY(build.fetch());
  const Root root = TRY(build.install());
  auto packages = TRY(build.list(root));
  Manifest manifest;
  const std::string tree = TRY(build.work().export_tree(root, manifest));
  const std::string file = TRY(make_image(build.workshop(), build.work().path(), tree, format));
  manifest.name = request.name;
  manifest.description = request.definition.description;
  manifest.format = format;
  manifest.provenance = Provenance{.kind = "debian",
                                   .source = request.source,
                                   .source_digest = digest_of(request.text),
                                   .packages = std::move(packages)};
  auto languages = std::move(manifest.defaults.languages);
  manifest.defaults = request.definition.defaults;
  manifest.defaults.languages = std::move(languages);
  Template made = TRY(store.publish(std::move(manifest), file));
  TRY(store.remember(key, made.manifest));
  return Imported{.made = std::move(made)};
}

}  // namespace brig::image
