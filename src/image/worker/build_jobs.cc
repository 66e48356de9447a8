#include "image/worker/build_jobs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <vector>

#include <boost/json/value.hpp>

#include "base/text.h"
#include "image/json_text.h"
#include "image/worker/beneath.h"
#include "image/worker/context.h"
#include "image/worker/dockerfile.h"
#include "image/worker/folder.h"
#include "image/worker/folder_tree.h"
#include "image/worker/member_path.h"
#include "image/worker/patterns.h"
#include "json/json.h"
#include "json/reader.h"

namespace brig::image {
namespace {

constexpr std::size_t kTextMost = std::size_t{64} << 10;

Result<> read_options(const json::Reader& root, DockerfileInput& input) {
  static constexpr std::array<std::string_view, 3> kKeys{"templates", "arguments", "target"};
  TRY(root.only(kKeys));
  for (const auto& [name, value] : TRY(TRY(root.at("templates")).entries()))
    input.templates[std::string(name)] = TRY(read_defaults(value));
  for (const auto& [name, value] : TRY(TRY(root.at("arguments")).entries()))
    input.arguments[std::string(name)] = TRY(bounded_text(value, kTextMost));
  input.target = TRY(bounded_text(TRY(root.at("target")), 128));
  return {};
}

/// The paths that a source names in `root`.
Result<std::vector<std::string>> found(FdRef root, const std::string& source) {
  std::string_view bare = source;
  while (bare.starts_with('/')) bare.remove_prefix(1);
  const std::string path = bare.empty() ? std::string() : TRY(clean_member_path(bare));
  const std::string name(name_of(path));
  const std::string parent(parent_of(path));
  if (!is_pattern(path)) return std::vector<std::string>{path};
  if (is_pattern(parent))
    return Error(Code::kUnsupported,
                 "\"" + printable(source, 200) + "\": with --from only the last part may be a pattern");
  const Fd folder = TRY(open_beneath(root, parent, O_RDONLY | O_DIRECTORY, 0, Links::kInFolder));
  std::vector<std::string> paths;
  for (const FolderEntry& entry : TRY(entries_of(folder.ref()))) {
    if (TRY(matches(name, entry.name))) paths.push_back(parent.empty() ? entry.name : parent + "/" + entry.name);
  }
  return paths;
}

/// One thing into a folder of its own, `number`. Returns the source that it is there.
Result<std::string> gather_one(FdRef root, const std::string& path, FdRef out, std::size_t number) {
  const std::string place = std::to_string(number);
  if (::mkdirat(out.get(), place.c_str(), 0755) != 0) return Error::last_system("make a folder for what is copied");
  const Fd folder = TRY(open_beneath(out, place, O_RDONLY | O_DIRECTORY));
  Tree tree(folder.ref(), {}, Place::kAnywhere);
  tree.begin_layer(Whiteouts::kPlain);
  const Fd from = TRY(open_beneath(root, path, O_RDONLY | O_NONBLOCK, 0, Links::kInFolder));
  struct stat status{};
  if (::fstat(from.get(), &status) != 0) return Error::last_system("look at \"" + printable(path, 200) + "\"");
  if (S_ISDIR(status.st_mode)) {
    TRY(copy_folder(from.ref(), tree));
    return place;
  }
  if (!S_ISREG(status.st_mode))
    return Error(Code::kInvalidArgument, "\"" + printable(path, 200) + "\" is no plain file");
  FileStream bytes = TRY(FileStream::whole(from.ref()));
  const Member member{
      .path = std::string(name_of(path)), .mode = status.st_mode & 0777U, .mtime = status.st_mtim.tv_sec};
  TRY(tree.add(member, [&bytes](std::span<char> buffer) { return bytes.read_some(buffer); }));
  return place + "/" + member.path;
}

}  // namespace

Result<BuildPlan> plan_build(std::string_view dockerfile, std::string_view options, FdRef context) {
  const json::Value value =
      TRY(json::parse(options, {.max_bytes = std::size_t{16} << 20, .max_depth = 8, .max_values = json::kManyValues}));
  DockerfileInput input{.text = dockerfile, .templates = {}};
  TRY(read_options(json::Reader(value), input));
  BuildPlan plan = TRY(read_dockerfile(input).context("the Dockerfile"));
  const Context files = TRY(Context::open(context));
  plan.ignored = files.ignored();
  for (const PlanStage& stage : plan.stages) {
    for (const PlanStep& step : stage.steps) {
      if (step.kind != StepKind::kCopy || step.from_stage >= 0 || !step.from_template.empty()) continue;
      const std::string where = "the Dockerfile: line " + std::to_string(step.line);
      TRY(files.pick(step).context(where));
    }
  }
  return plan;
}

Result<std::vector<std::string>> gather(FdRef root, const PlanStep& step, FdRef out) {
  std::vector<std::string> sources;
  for (const std::string& source : step.sources) {
    const auto paths = TRY(found(root, source));
    if (paths.empty()) return Error(Code::kNotFound, "\"" + printable(source, 200) + "\" is not there");
    for (const std::string& path : paths) sources.push_back(TRY(gather_one(root, path, out, sources.size())));
  }
  return sources;
}

}  // namespace brig::image
