#include "image/plan.h"

#include <algorithm>
#include <array>

#include <boost/json/value.hpp>

#include "base/paths.h"
#include "image/json_text.h"
#include "json/json.h"
#include "json/reader.h"
#include "policy/validate.h"

namespace brig::image {
namespace {

using json::Reader;
using Object = boost::json::object;
using Array = boost::json::array;

constexpr json::Limits kBounds{.max_bytes = kPlanBytesMost, .max_depth = 10, .max_values = json::kManyValues};
constexpr std::array<std::string_view, 3> kKinds{"run", "copy", "folder"};
constexpr std::size_t kPathMost = 4095;
constexpr std::size_t kTextMost = std::size_t{1} << 20;

Object to_object(const std::vector<policy::Variable>& variables) {
  Object object;
  for (const policy::Variable& variable : variables) object[variable.name] = variable.value;
  return object;
}

Object to_object(const PlanStep& step) {
  Array texts;
  for (const InlineFile& file : step.texts) texts.emplace_back(Object{{"name", file.name}, {"text", file.text}});
  return {{"kind", kKinds.at(static_cast<std::size_t>(step.kind))},
          {"line", step.line},
          {"text", step.text},
          {"argv", to_array(step.argv)},
          {"environment", to_object(step.environment)},
          {"folder", step.folder},
          {"sources", to_array(step.sources)},
          {"texts", std::move(texts)},
          {"destination", step.destination},
          {"from_stage", step.from_stage},
          {"from_template", step.from_template},
          {"mode", step.mode},
          {"unpacks", step.unpacks}};
}

Result<std::vector<policy::Variable>> read_environment(const Reader& reader) {
  std::vector<policy::Variable> all;
  const auto entries = TRY(reader.entries());
  if (entries.size() > 1000) return reader.error("more than 1000 variables");
  for (const auto& [name, value] : entries) {
    policy::Variable variable{std::string(name), std::string(TRY(bounded_text(value, std::size_t{64} << 10)))};
    if (auto sound = policy::check_variable(variable); !sound) return reader.error(sound.error().message());
    all.push_back(std::move(variable));
  }
  return all;
}

/// An absolute path in its normal form; one "/" may follow.
Result<std::string> read_path(const Reader& reader) {
  std::string text(TRY(bounded_text(reader, kPathMost)));
  std::string_view bare = text;
  if (bare.size() > 1 && bare.ends_with('/')) bare.remove_suffix(1);
  const auto path = GuestPath::parse(bare);
  if (!path || path->text() != bare) return reader.error("no absolute path");
  return text;
}

Result<std::vector<InlineFile>> read_texts(const Reader& reader) {
  std::vector<InlineFile> all;
  const auto items = TRY(reader.items());
  if (items.size() > 100) return reader.error("more than 100 files");
  for (const Reader& item : items) {
    static constexpr std::array<std::string_view, 2> kKeys{"name", "text"};
    TRY(item.only(kKeys));
    const Reader name = TRY(item.at("name"));
    InlineFile file{.name = std::string(TRY(bounded_text(name, 255))),
                    .text = std::string(TRY(bounded_text(TRY(item.at("text")), kTextMost)))};
    if (file.name.empty() || file.name.contains('/') || file.name == "." || file.name == "..")
      return name.error("no name of a file");
    all.push_back(std::move(file));
  }
  return all;
}

Result<PlanStep> read_step(const Reader& reader, std::int32_t stage) {
  static constexpr std::array<std::string_view, 13> kKeys{
      "kind",  "line",        "text",       "argv",          "environment", "folder", "sources",
      "texts", "destination", "from_stage", "from_template", "mode",        "unpacks"};
  TRY(reader.only(kKeys));
  PlanStep step;
  const Reader kind = TRY(reader.at("kind"));
  const auto* const known = std::ranges::find(kKinds, TRY(kind.text()));
  if (known == kKinds.end()) return kind.error("expected run, copy or folder");
  step.kind = static_cast<StepKind>(known - kKinds.begin());
  step.line = static_cast<std::uint32_t>(TRY(TRY(reader.at("line")).integer(0, 1'000'000)));
  step.text = TRY(bounded_text(TRY(reader.at("text")), 1000));
  step.argv = TRY(text_list(TRY(reader.at("argv")), {.count = 1000, .length = kTextMost}));
  step.environment = TRY(read_environment(TRY(reader.at("environment"))));
  step.folder = TRY(read_path(TRY(reader.at("folder"))));
  step.sources = TRY(text_list(TRY(reader.at("sources")), {.count = 1000, .length = kPathMost}));
  step.texts = TRY(read_texts(TRY(reader.at("texts"))));
  step.from_stage = static_cast<std::int32_t>(TRY(TRY(reader.at("from_stage")).integer(-1, stage - 1)));
  const Reader from = TRY(reader.at("from_template"));
  step.from_template = TRY(from.text());
  if (!step.from_template.empty() && !is_template_name(step.from_template)) return from.error("no template's name");
  step.mode = static_cast<std::uint32_t>(TRY(TRY(reader.at("mode")).integer(0, 07777)));
  step.unpacks = TRY(TRY(reader.at("unpacks")).boolean());
  const Reader destination = TRY(reader.at("destination"));
  if (step.kind == StepKind::kCopy) step.destination = TRY(read_path(destination));
  else if (!TRY(destination.text()).empty()) return destination.error("nothing is copied");
  if (step.kind == StepKind::kRun && step.argv.empty()) return reader.error("nothing to run");
  if (step.kind == StepKind::kCopy && step.sources.empty() && step.texts.empty())
    return reader.error("nothing to copy");
  return step;
}

Result<PlanStage> read_stage(const Reader& reader, std::int32_t number) {
  static constexpr std::array<std::string_view, 5> kKeys{"name", "base", "base_stage", "steps", "defaults"};
  TRY(reader.only(kKeys));
  PlanStage stage;
  stage.name = TRY(bounded_text(TRY(reader.at("name")), 128));
  const Reader base = TRY(reader.at("base"));
  stage.base = TRY(base.text());
  stage.base_stage = static_cast<std::int32_t>(TRY(TRY(reader.at("base_stage")).integer(-1, number - 1)));
  const bool is_named = stage.base == "scratch" || is_template_name(stage.base);
  if (stage.base_stage >= 0 ? !stage.base.empty() : !is_named) return base.error("neither a stage nor a template");
  const Reader steps = TRY(reader.at("steps"));
  const auto items = TRY(steps.items());
  if (items.size() > kStepsMost) return steps.error("more than " + std::to_string(kStepsMost) + " steps");
  for (const Reader& item : items) stage.steps.push_back(TRY(read_step(item, number)));
  stage.defaults = TRY(read_defaults(TRY(reader.at("defaults"))));
  return stage;
}

}  // namespace

std::string to_json(const BuildPlan& plan) {
  Array stages;
  for (const PlanStage& stage : plan.stages) {
    Array steps;
    for (const PlanStep& step : stage.steps) steps.emplace_back(to_object(step));
    stages.emplace_back(Object{{"name", stage.name},
                               {"base", stage.base},
                               {"base_stage", stage.base_stage},
                               {"steps", std::move(steps)},
                               {"defaults", defaults_json(stage.defaults)}});
  }
  return json::write(
      Object{{"stages", std::move(stages)}, {"notes", to_array(plan.notes)}, {"ignored", to_array(plan.ignored)}});
}

Result<BuildPlan> parse_plan(std::string_view text) {
  static constexpr std::array<std::string_view, 3> kKeys{"stages", "notes", "ignored"};
  const json::Value value = TRY(json::parse(text, kBounds));
  const Reader root(value);
  TRY(root.only(kKeys));
  BuildPlan plan;
  const Reader stages = TRY(root.at("stages"));
  const auto items = TRY(stages.items());
  if (items.empty() || items.size() > kStagesMost)
    return stages.error("expected 1 to " + std::to_string(kStagesMost) + " stages");
  for (const Reader& item : items)
    plan.stages.push_back(TRY(read_stage(item, static_cast<std::int32_t>(plan.stages.size()))));
  plan.notes = TRY(text_list(TRY(root.at("notes")), {.count = 64, .length = 1000}));
  const Reader ignored = TRY(root.at("ignored"));
  plan.ignored = TRY(text_list(ignored, {.count = kIgnoredMost, .length = kPathMost}));
  for (const std::string& path : plan.ignored) {
    const auto whole = GuestPath::parse("/" + path);
    if (!whole || whole->text() != "/" + path || path.empty()) return ignored.error("no path in the context");
  }
  return plan;
}

std::string key_text(const PlanStep& step) {
  PlanStep bare = step;
  bare.line = 0;  // comments above it, and how it is written, do not matter
  bare.text.clear();
  return json::write(to_object(bare));
}

}  // namespace brig::image
