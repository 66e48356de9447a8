#include "image/worker/dockerfile.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "base/paths.h"
#include "base/text.h"
#include "image/preload.h"
#include "image/worker/dockerfile_text.h"
#include "image/worker/oci.h"
#include "policy/validate.h"

namespace brig::image {
namespace {

constexpr std::size_t kShown = 200;
constexpr std::array<std::string_view, 18> kInstructions{
    "ADD",   "ARG",        "CMD",     "COPY", "ENTRYPOINT", "ENV",        "EXPOSE", "FROM",   "HEALTHCHECK",
    "LABEL", "MAINTAINER", "ONBUILD", "RUN",  "SHELL",      "STOPSIGNAL", "USER",   "VOLUME", "WORKDIR"};

/// "--name=value" before the arguments of an instruction.
struct Flag {
  std::string name;
  std::string value;
};

std::vector<Flag> take_flags(std::string_view& text) {
  std::vector<Flag> flags;
  while (text.starts_with("--")) {
    const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
    const std::string_view word = text.substr(2, end - 2);
    const std::size_t equals = std::min(word.find('='), word.size());
    flags.push_back({std::string(word.substr(0, equals)), std::string(word.substr(std::min(equals + 1, word.size())))});
    text.remove_prefix(end);
    text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  }
  return flags;
}

void set(std::vector<policy::Variable>& all, policy::Variable variable) {
  std::erase_if(all, [&](const policy::Variable& old) { return old.name == variable.name; });
  all.push_back(std::move(variable));
}

const std::string* find(const std::vector<policy::Variable>& all, std::string_view name) {
  const auto found = std::ranges::find(all, name, &policy::Variable::name);
  return found == all.end() ? nullptr : &found->value;
}

class Reader {
 public:
  Reader(const DockerfileInput& input, char escape) : input_(input), escape_(escape) {}

  Result<> take(const Instruction& one);
  Result<BuildPlan> finish();

 private:
  Result<> from(const Instruction& one);
  Result<> argument(const Instruction& one);
  Result<> environment(const Instruction& one);
  Result<> run(const Instruction& one);
  Result<> copy(const Instruction& one);
  Result<> copy_flags(const Instruction& one, std::span<const Flag> flags, PlanStep& step);
  Result<> working_folder(const Instruction& one);
  Result<> start(const Instruction& one);
  Result<> label(const Instruction& one);
  Result<> note_only(const Instruction& one);

  [[nodiscard]] std::optional<std::string> look_up(const std::string& name) const;
  [[nodiscard]] Lookup lookup() const {
    return [this](const std::string& name) { return look_up(name); };
  }
  [[nodiscard]] std::vector<policy::Variable> variables_of_run() const;
  [[nodiscard]] std::int32_t stage_named(std::string_view name) const;
  Result<std::string> absolute(std::string_view path) const;
  Result<> add(PlanStep step);
  PlanStage& stage() { return plan_.stages.back(); }
  void note(const std::string& text) {
    if (std::ranges::find(plan_.notes, text) == plan_.notes.end() && plan_.notes.size() < 32)
      plan_.notes.push_back(text);
  }

  const DockerfileInput& input_;
  char escape_;
  BuildPlan plan_;
  std::vector<policy::Variable> global_arguments_;
  std::vector<policy::Variable> arguments_;  ///< of this stage
  std::vector<std::string> shell_;
  std::string folder_ = "/";
};

Error bad(const std::string& what) { return {Code::kInvalidArgument, what}; }

/// "linux/amd64", "linux/arm64/v8"; empty is a variable that engines set to their own.
Result<> check_platform(std::string_view platform) {
  const std::string own = "linux/" + std::string(own_architecture());
  if (platform.empty() || platform == "linux" || platform == own || platform.starts_with(own + "/")) return {};
  return Error(Code::kUnsupported, "FROM --platform=" + printable(platform, 80) + ": this machine is " + own +
                                       ", and templates are made for the machine that makes them");
}

std::optional<std::string> Reader::look_up(const std::string& name) const {
  if (!plan_.stages.empty()) {
    if (const auto* value = find(plan_.stages.back().defaults.environment, name)) return *value;
    if (const auto* value = find(arguments_, name)) return *value;
    return {};
  }
  if (const auto* value = find(global_arguments_, name)) return *value;
  return {};
}

std::vector<policy::Variable> Reader::variables_of_run() const {
  std::vector<policy::Variable> all = arguments_;
  for (const policy::Variable& variable : plan_.stages.back().defaults.environment) set(all, variable);
  return all;
}

std::int32_t Reader::stage_named(std::string_view name) const {
  for (std::size_t i = 0; i < plan_.stages.size(); ++i) {
    if (plan_.stages[i].name == name && !name.empty()) return static_cast<std::int32_t>(i);
  }
  return -1;
}

Result<std::string> Reader::absolute(std::string_view path) const {
  const auto made = resolve_host_path(path, folder_);  // as text; a ".." of the root is the root
  if (!made) return bad("\"" + printable(path, kShown) + "\" is no path");
  return made->text();
}

Result<> Reader::add(PlanStep step) {
  if (stage().steps.size() == kStepsMost)
    return Error(Code::kUnsupported,
                 "more than " + std::to_string(kStepsMost) + " steps in one stage: join some with &&");
  stage().steps.push_back(std::move(step));
  return {};
}

Result<> Reader::take(const Instruction& one) {
  if (std::ranges::find(kInstructions, one.name) == kInstructions.end()) {
    return bad("there is no instruction \"" + printable(one.name, 40) + "\"" + did_you_mean(one.name, kInstructions));
  }
  if (one.rest.empty()) return bad(one.name + " needs an argument");
  if (one.name == "FROM") return from(one);
  if (one.name == "ARG") return argument(one);
  if (plan_.stages.empty()) return bad("the first instruction is FROM (only ARG may stand before it)");
  if (one.name == "ENV") return environment(one);
  if (one.name == "RUN") return run(one);
  if (one.name == "COPY" || one.name == "ADD") return copy(one);
  if (one.name == "WORKDIR") return working_folder(one);
  if (one.name == "CMD" || one.name == "ENTRYPOINT" || one.name == "SHELL") return start(one);
  if (one.name == "LABEL") return label(one);
  return note_only(one);
}

Result<> Reader::from(const Instruction& one) {
  std::string_view rest = one.rest;
  const auto flags = take_flags(rest);
  if (plan_.stages.size() == kStagesMost) return bad("more than " + std::to_string(kStagesMost) + " stages");
  const Lookup global = [this](const std::string& name) -> std::optional<std::string> {
    const auto* value = find(global_arguments_, name);
    return value != nullptr ? std::optional(*value) : std::nullopt;
  };
  for (const Flag& flag : flags) {
    if (flag.name != "platform") return bad("FROM does not know --" + printable(flag.name, 40));
    TRY(check_platform(TRY(expanded(flag.value, escape_, global))));
  }
  const auto words = TRY(expanded_words(rest, escape_, global));
  const bool is_named = words.size() == 3 && (words[1] == "AS" || words[1] == "as" || words[1] == "As");
  if (words.size() != 1 && !is_named) return bad("FROM takes an image, and perhaps AS and a name");
  PlanStage made;
  if (is_named) {
    made.name = words[2];
    if (!is_template_name(made.name) || stage_named(made.name) >= 0)
      return bad("\"" + printable(made.name, 80) + "\" cannot name a stage (a lower-case name that no other has)");
  }
  const std::string& base = words[0];
  made.base_stage = stage_named(base);
  if (made.base_stage >= 0) {
    made.defaults = plan_.stages[static_cast<std::size_t>(made.base_stage)].defaults;
  } else if (base == "scratch") {
    made.base = base;
  } else {
    made.base = template_of_reference(base);
    const auto known = input_.templates.find(made.base);
    if (base == "host") {
      return Error(Code::kInvalidArgument,
                   "FROM host: that is this machine's own /usr and no image to build upon: take a template of Debian "
                   "packages (brig template build base, then FROM base)");
    }
    if (known == input_.templates.end()) {
      const std::string name = made.base.empty() ? "NAME" : made.base;
      return Error(Code::kNotFound, "there is no template for FROM " + printable(base, kShown) +
                                        ", and no registry to ask: import one that you have (docker save " +
                                        printable(base, kShown) +
                                        " -o image.tar; brig template import image.tar --name " + name +
                                        "), or use one of brig template ls");
    }
    made.defaults = known->second;
  }
  folder_ = made.defaults.working_folder.empty() ? "/" : made.defaults.working_folder;
  shell_ = {"/bin/sh", "-c"};
  arguments_.clear();
  plan_.stages.push_back(std::move(made));
  return {};
}

Result<> Reader::argument(const Instruction& one) {
  for (const std::string& word : TRY(expanded_words(one.rest, escape_, lookup()))) {
    const std::size_t equals = word.find('=');
    policy::Variable variable{word.substr(0, equals), equals == std::string::npos ? "" : word.substr(equals + 1)};
    if (auto sound = policy::check_variable(variable); !sound) return bad("ARG: " + sound.error().message());
    bool is_set = equals != std::string::npos;
    if (!plan_.stages.empty() && !is_set) {
      if (const auto* global = find(global_arguments_, variable.name)) {
        variable.value = *global;
        is_set = true;
      }
    }
    if (const auto given = input_.arguments.find(variable.name); given != input_.arguments.end()) {
      variable.value = given->second;
      is_set = true;
    }
    if (is_set) set(plan_.stages.empty() ? global_arguments_ : arguments_, std::move(variable));
  }
  return {};
}

Result<> Reader::environment(const Instruction& one) {
  const auto words = TRY(expanded_words(one.rest, escape_, lookup()));
  auto& all = stage().defaults.environment;
  std::vector<policy::Variable> made;
  if (!words.empty() && !words.front().contains('=')) {  // the old form: ENV NAME everything that follows
    const std::size_t blank = std::min(one.rest.find_first_of(" \t"), one.rest.size());
    std::string_view value = std::string_view(one.rest).substr(blank);
    value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
    if (value.empty()) return bad("ENV takes NAME=VALUE");
    made.push_back({words.front(), TRY(expanded(value, escape_, lookup()))});
  } else {
    for (const std::string& word : words) {
      const std::size_t equals = word.find('=');
      if (equals == std::string::npos) return bad("ENV: \"" + printable(word, 80) + "\" is not NAME=VALUE");
      made.push_back({word.substr(0, equals), word.substr(equals + 1)});
    }
  }
  for (policy::Variable& variable : made) {
    if (auto sound = policy::check_variable(variable); !sound) return bad("ENV: " + sound.error().message());
    set(all, std::move(variable));
  }
  return {};
}

Result<> Reader::run(const Instruction& one) {
  std::string_view rest = one.rest;
  for (const Flag& flag : take_flags(rest)) {
    if (flag.name == "mount" && flag.value.find("type=cache") != std::string::npos) {
      note("RUN --mount=type=cache: nothing is kept from one build to the next");
    } else if (flag.name == "network" && (flag.value == "none" || flag.value == "default")) {
      continue;  // there is none in any case
    } else {
      return Error(Code::kUnsupported, "RUN --" + printable(flag.name, 40) + " is not supported");
    }
  }
  PlanStep step{.kind = StepKind::kRun, .line = one.line, .text = "RUN " + printable(rest, kShown)};
  step.environment = variables_of_run();
  step.folder = folder_;
  if (auto words = exec_form(rest)) {
    step.argv = *std::move(words);
    if (step.argv.empty()) return bad("RUN has nothing to run");
    return add(std::move(step));
  }
  std::string script(rest);
  const bool is_whole_script = one.heredocs.size() == 1 && rest.starts_with("<<") && !rest.contains(' ');
  if (is_whole_script) {
    script = one.heredocs.front().text;
  } else {
    for (const Heredoc& document : one.heredocs) script += "\n" + document.text + document.name;
    if (!one.heredocs.empty()) script += "\n";
  }
  step.argv = shell_;
  step.argv.push_back(std::move(script));
  return add(std::move(step));
}

Result<> Reader::copy_flags(const Instruction& one, std::span<const Flag> flags, PlanStep& step) {
  for (const Flag& flag : flags) {
    const std::string value = TRY(expanded(flag.value, escape_, lookup()));
    if (flag.name == "from" && one.name == "COPY") {
      step.from_stage = stage_named(value);
      const bool is_number =
          !value.empty() && value.size() < 4 && std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
      if (step.from_stage < 0 && is_number) step.from_stage = std::stoi(value);
      if (step.from_stage >= static_cast<std::int32_t>(plan_.stages.size()) - 1)
        return bad("COPY --from=" + printable(value, 80) + " names no earlier stage");
      if (step.from_stage < 0) {
        step.from_template = template_of_reference(value);
        if (!input_.templates.contains(step.from_template))
          return bad("COPY --from=" + printable(value, 80) +
                     " names neither a stage nor a template (brig template ls)");
      }
    } else if (flag.name == "chmod") {
      const bool is_octal = !value.empty() && value.size() <= 4 &&
                            std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '7'; });
      if (!is_octal) return bad("--chmod takes an octal number, such as 755");
      step.mode = static_cast<std::uint32_t>(std::stoul(value, nullptr, 8));
    } else if (flag.name == "chown") {
      note("--chown: files of a template belong to root, and everybody can read them");
    } else if (flag.name != "link") {
      return Error(Code::kUnsupported, one.name + " --" + printable(flag.name, 40) + " is not supported");
    }
  }
  return {};
}

Result<> Reader::copy(const Instruction& one) {
  std::string_view rest = one.rest;
  const auto flags = take_flags(rest);
  PlanStep step{.kind = StepKind::kCopy, .line = one.line, .text = one.name + " " + printable(rest, kShown)};
  step.unpacks = one.name == "ADD";
  TRY(copy_flags(one, flags, step));
  std::vector<std::string> words;
  if (const auto listed = exec_form(rest)) {
    for (const std::string& word : *listed) words.push_back(TRY(expanded(word, escape_, lookup())));
  } else {
    words = TRY(expanded_words(rest, escape_, lookup()));
  }
  if (words.size() < 2) return bad(one.name + " takes what is copied and where to");
  const std::string to = words.back();
  words.pop_back();
  for (const std::string& word : words) {
    if (word.starts_with("<<") && !one.heredocs.empty()) continue;
    if (word.starts_with("http://") || word.starts_with("https://") || word.starts_with("git@"))
      return Error(Code::kUnsupported,
                   one.name + " of an address: a build has no network; fetch it first and copy the file");
    step.sources.push_back(word);
  }
  for (const Heredoc& document : one.heredocs) {
    step.texts.push_back(
        {document.name, document.is_literal ? document.text : TRY(with_variables(document.text, escape_, lookup()))});
  }
  if (to.empty()) return bad(one.name + " needs a place to copy to");
  step.destination = TRY(absolute(to));
  const bool is_folder =
      to.ends_with('/') || to == "." || to.ends_with("/.") || step.sources.size() + step.texts.size() > 1;
  if (is_folder && step.destination != "/") step.destination += '/';
  step.folder = folder_;
  return add(std::move(step));
}

Result<> Reader::working_folder(const Instruction& one) {
  folder_ = TRY(absolute(TRY(expanded(one.rest, escape_, lookup()))));
  stage().defaults.working_folder = folder_ == "/" ? "" : folder_;
  if (folder_ == "/") return {};
  return add({.kind = StepKind::kFolder,
              .line = one.line,
              .text = "WORKDIR " + printable(folder_, kShown),
              .folder = folder_});
}

Result<> Reader::start(const Instruction& one) {
  auto words = exec_form(one.rest);
  if (one.name == "SHELL") {
    if (!words || words->empty()) return bad("SHELL takes a JSON array, such as [\"/bin/bash\", \"-c\"]");
    shell_ = *std::move(words);
    return {};
  }
  if (!words) {
    words = shell_;
    words->push_back(one.rest);
  }
  Defaults& defaults = stage().defaults;
  if (one.name == "CMD") {
    defaults.command = *std::move(words);
  } else {
    defaults.entrypoint = *std::move(words);
    defaults.command.clear();
  }
  return {};
}

/// Those of other programs are theirs, and not even read.
Result<> Reader::label(const Instruction& one) {
  static constexpr std::array kOwn{kPreloadLabel};
  static constexpr std::string_view kPrefix = "brig.";
  if (!one.rest.contains(kPrefix)) return {};
  for (const std::string& word : TRY(expanded_words(one.rest, escape_, lookup()))) {
    const std::string_view name = std::string_view(word).substr(0, word.find('='));
    if (!name.starts_with(kPrefix)) continue;
    if (name != kPreloadLabel)
      return bad("LABEL: there is no \"" + printable(name, 60) + "\"" + did_you_mean(name, kOwn));
    if (name.size() == word.size())
      return bad("LABEL " + std::string(name) + " takes a value: " + std::string(name) + "=\"numpy pandas\"");
    stage().defaults.preload = TRY(parse_preload(std::string_view(word).substr(name.size() + 1)).context("LABEL"));
  }
  return {};
}

Result<> Reader::note_only(const Instruction& one) {
  if (one.name == "ONBUILD") return Error(Code::kUnsupported, "ONBUILD is not supported");
  if (one.name == "USER")
    note("USER " + printable(one.rest, 60) + ": RUN is root of the build, and sandboxes run as user 1000");
  if (one.name == "VOLUME") note("VOLUME " + printable(one.rest, 60) + ": nothing is kept outside of a sandbox");
  return {};
}

Result<BuildPlan> Reader::finish() {
  if (plan_.stages.empty()) return bad("there is no FROM");
  if (!input_.target.empty()) {
    const std::int32_t wanted = stage_named(input_.target);
    if (wanted < 0) return bad("there is no stage \"" + printable(input_.target, 80) + "\"");
    plan_.stages.resize(static_cast<std::size_t>(wanted) + 1);
  }
  return std::move(plan_);
}

}  // namespace

Result<BuildPlan> read_dockerfile(const DockerfileInput& input) {
  const DockerfileText text = TRY(split_dockerfile(input.text));
  Reader reader(input, text.escape);
  for (const Instruction& one : text.instructions) {
    if (auto taken = reader.take(one); !taken)
      return Error(taken.error().code(), "line " + std::to_string(one.line) + ": " + taken.error().message());
  }
  return reader.finish();
}

std::string template_of_reference(std::string_view reference) {
  if (reference.contains('@')) return "";  // by digest: nothing here has a registry's digest
  std::string name(reference.substr(reference.rfind('/') + 1));
  if (name.ends_with(":latest")) name.resize(name.size() - 7);
  std::ranges::replace(name, ':', '-');
  return is_template_name(name) ? name : "";
}

}  // namespace brig::image
