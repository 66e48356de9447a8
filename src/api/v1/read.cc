#include "api/v1/read.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <boost/json/value.hpp>

#include "base/base64.h"
#include "base/text.h"
#include "json/json.h"
#include "json/reader.h"
#include "policy/preset.h"
#include "policy/schema.h"
#include "policy/scratch.h"
#include "policy/validate.h"
#include "sandboxes/contexts/zygote.h"
#include "sandboxes/snapshots.h"
#include "service/run.h"

namespace brig::api::v1 {

namespace {

using json::Reader;

constexpr double kLongestSeconds = 10.0 * 365 * 24 * 3600;

Result<Milliseconds> seconds(const Reader& at) {
  const double value = TRY(at.number());
  if (!(value > 0) || value > kLongestSeconds) return at.error("a number of seconds, more than 0, is expected");
  return Milliseconds(std::max<std::int64_t>(1, std::llround(value * 1000)));
}

/// A limit as a text ("256M", "30s", "0.5") or as a number: seconds, bytes, processors, a count.
Result<> set_limit(policy::Policy& policy, std::string_view key, const Reader& at) {
  const policy::Field* field = policy::find_field("limits." + std::string(key));
  if (field == nullptr || !field->is_scalar()) return at.error("there is no such limit (docs/policy.md lists them)");
  policy::Scalar scalar;
  if (at.value().is_string()) {
    auto parsed = policy::parse_scalar(*field, TRY(at.text()));
    if (!parsed) return at.error(parsed.error().message());
    scalar = *parsed;
  } else if (!at.is_null()) {
    auto counted = policy::scalar_of(*field, TRY(at.number()));
    if (!counted) return at.error(counted.error().message());
    scalar = *counted;
  }
  if (auto good = policy::check_range(*field, scalar); !good) return at.error(good.error().message());
  field->set(policy, scalar);
  return {};
}

Result<policy::Policy> policy_of(const Reader& body, const policy::Policy& defaults, const image::Defaults& under) {
  policy::Policy policy = defaults;
  if (const auto preset = TRY(body.given("policy"))) {
    const auto known = policy::find_preset(TRY(preset->text()));
    if (!known) return preset->error("\"strict\", \"default\" or \"lenient\" is expected");
    policy = policy::preset(*known);
    policy.runtime = defaults.runtime;                                           // presets say nothing of it
    if (!policy.libraries.allow.empty()) policy.libraries = defaults.libraries;  // which there are is the operator's
  }
  for (const std::string_view key : {"env", "envs"}) {
    if (const auto env = TRY(body.given(key))) policy.environment = TRY(read_variables(*env));
  }
  policy = TRY(image::apply_defaults(std::move(policy), under).context("the template's defaults"));
  if (const auto limits = TRY(body.given("limits"))) {
    for (const auto& [key, value] : TRY(limits->entries())) TRY(set_limit(policy, key, value));
  }
  if (const auto libraries = TRY(body.given("libraries"))) {
    policy.libraries.use.clear();
    for (const Reader& item : TRY(libraries->items())) {
      auto name = policy::normalised_library(TRY(item.text()));
      if (!name) return item.error(name.error().message());
      auto& names = policy.libraries.use;
      if (std::ranges::find(names, *name) == names.end()) names.push_back(*std::move(name));
    }
  }
  if (const auto require = TRY(body.given("require"))) {
    const policy::Field* field = policy::find_field("require.boundary");
    auto floor = policy::parse_scalar(*field, TRY(require->text()));
    if (!floor) return require->error(floor.error().message());
    field->set(policy, *floor);
  }
  TRY(settle(policy));
  return policy;
}

Result<sandboxes::LifespanChange> lifespan_change(const Reader& body, const sandboxes::Lifespan& now,
                                                  const sandboxes::Lifespan& usual) {
  sandboxes::LifespanChange change;
  if (const auto ttl = TRY(body.given("ttl_seconds"))) change.ttl = TRY(seconds(*ttl));
  if (const auto idle = TRY(body.find("idle_seconds")))
    change.idle = idle->is_null() ? std::optional<Milliseconds>() : std::optional(TRY(seconds(*idle)));
  if (const auto persistent = TRY(body.given("persistent"))) {
    if (TRY(persistent->boolean())) change.ttl = std::optional<Milliseconds>();
    else if (!change.ttl && !now.ttl) change.ttl = usual.ttl;
  }
  return change;
}

Result<std::vector<std::string>> words(const Reader& at) {
  std::vector<std::string> words;
  for (const Reader& item : TRY(at.items())) words.push_back(TRY(read_text(item, kBodyMax)));
  if (words.empty()) return at.error("may not be empty");
  return words;
}

Result<guest::TerminalSize> size_of(const Reader& at) {
  guest::TerminalSize size;
  if (const auto rows = TRY(at.given("rows"))) size.rows = static_cast<std::uint16_t>(TRY(rows->integer(1, 10'000)));
  for (const std::string_view key : {"cols", "columns"}) {
    if (const auto columns = TRY(at.given(key)))
      size.columns = static_cast<std::uint16_t>(TRY(columns->integer(1, 10'000)));
  }
  return size;
}

/// The sandbox's own variables, and over them those of the body.
Result<std::vector<std::string>> environment(const Reader& body, const policy::Policy& policy) {
  policy::Policy with = policy;
  for (const std::string_view key : {"env", "envs"}) {
    if (const auto env = TRY(body.given(key))) {
      for (policy::Variable& variable : TRY(read_variables(*env))) {
        std::erase_if(with.environment, [&](const policy::Variable& old) { return old.name == variable.name; });
        with.environment.push_back(std::move(variable));
      }
    }
  }
  return sandboxes::usual_environment(std::move(with));
}

}  // namespace

Result<Wish> read_create(std::string_view body, const sandboxes::Options& options, const image::Defaults& defaults) {
  const json::Value value = TRY(parse_object(body));
  const Reader at(value);
  static constexpr std::array<std::string_view, 18> kKnown{
      "template", "from_snapshot", "ttl_seconds", "idle_seconds", "persistent", "metadata",
      "volumes",  "env",           "envs",        "limits",       "policy",     "require",
      "cpu",      "memory_mb",     "runtime",     "channel",      "dry_run",    "libraries"};
  TRY(at.only(kKnown));
  Wish create;
  if (const auto name = TRY(at.given("template"))) create.request.template_name = TRY(read_text(*name, 128));
  if (const auto snapshot = TRY(at.given("from_snapshot"))) create.snapshot_id = TRY(read_text(*snapshot, 128));
  if (const auto volumes = TRY(at.given("volumes")); volumes && !TRY(volumes->items()).empty())
    return Error(Code::kUnsupported, "volumes are not supported");
  create.request.policy = TRY(policy_of(at, options.defaults, defaults));
  // PandaStack's names for two of the limits.
  if (const auto cpu = TRY(at.given("cpu"))) TRY(set_limit(create.request.policy, "cpus", *cpu));
  if (const auto memory = TRY(at.given("memory_mb"))) {
    create.request.policy.limits.memory =
        mebibytes(static_cast<std::uint64_t>(TRY(memory->integer(16, std::int64_t{1} << 24))));
    TRY(policy::validate(create.request.policy));
  }
  const auto limits = TRY(at.given("limits"));
  if (!limits || !TRY(limits->given("disk"))) policy::fit_unasked_disk(create.request.policy.limits);
  if (const auto runtime = TRY(at.given("runtime"))) {
    create.request.policy.runtime = TRY(read_text(*runtime, 64));
    if (auto good = policy::check_runtime(create.request.policy.runtime); !good)
      return runtime->error(good.error().message());
  }
  const auto change = TRY(lifespan_change(at, options.lifespan, options.lifespan));
  create.request.lifespan = {.ttl = change.ttl.value_or(options.lifespan.ttl),
                             .idle = change.idle.value_or(options.lifespan.idle)};
  TRY(expect_ttl(options, create.request.lifespan.ttl)
          .context(change.ttl && !*change.ttl ? "$.persistent" : "$.ttl_seconds"));
  if (const auto pairs = TRY(at.given("metadata"))) create.request.metadata = TRY(read_metadata(*pairs));
  if (const auto channel = TRY(at.given("channel"))) create.request.gives_channel = TRY(channel->boolean());
  if (const auto dry = TRY(at.given("dry_run"))) create.is_dry_run = TRY(dry->boolean());
  if (create.request.gives_channel && !create.snapshot_id.empty())
    return Error(Code::kUnsupported, "$.channel: what is in a snapshot is put into a sandbox over that channel");
  return create;
}

Result<ExecBody> read_exec(std::string_view body, const policy::Policy& policy, const std::string& folder) {
  const json::Value value = TRY(parse_object(body));
  const Reader at(value);
  static constexpr std::array<std::string_view, 14> kKnown{
      "cmd",        "argv",       "cwd",      "env",        "envs", "user", "stdin", "stdin_base64", "timeout_seconds",
      "timeout_ms", "background", "terminal", "keep_stdin", "check"};
  TRY(at.only(kKnown));
  ExecBody exec;
  const auto cmd = TRY(at.given("cmd"));
  const auto argv = TRY(at.given("argv"));
  if (cmd.has_value() == argv.has_value())
    return Error(Code::kInvalidArgument, "either \"cmd\" (a shell's line) or \"argv\" (a list) is expected");
  exec.spec.argv = cmd ? std::vector<std::string>{"/bin/sh", "-c", TRY(read_text(*cmd, kBodyMax))} : TRY(words(*argv));
  if (!folder.empty()) exec.spec.cwd = folder;
  if (const auto cwd = TRY(at.given("cwd"))) exec.spec.cwd = TRY(GuestPath::parse(TRY(cwd->text()))).text();
  if (const auto user = TRY(at.given("user")); user && TRY(user->text()) != "user" && TRY(user->text()) != "1000")
    return Error(Code::kUnsupported, "$.user: programs run as \"user\"; there is no other user in a sandbox");
  exec.spec.env = TRY(environment(at, policy));
  if (const auto background = TRY(at.given("background"))) exec.is_background = TRY(background->boolean());
  if (const auto terminal = TRY(at.given("terminal"))) {
    exec.spec.terminal = TRY(size_of(*terminal));
    if (std::ranges::none_of(exec.spec.env, [](const std::string& one) { return one.starts_with("TERM="); }))
      exec.spec.env.emplace_back("TERM=xterm-256color");
  }
  if (const auto input = TRY(at.given("stdin"))) exec.input = std::string(TRY(input->text()));
  if (const auto input = TRY(at.given("stdin_base64"))) {
    if (exec.input) return Error(Code::kInvalidArgument, "\"stdin\" and \"stdin_base64\": one of them is expected");
    exec.input = from_base64(TRY(input->text()));
    if (!exec.input) return Error(Code::kInvalidArgument, "$.stdin_base64: base64 is expected");
  }
  if (const auto keep = TRY(at.given("keep_stdin"))) exec.spec.keeps_input = TRY(keep->boolean());
  exec.spec.has_stdin = exec.spec.keeps_input || exec.input;
  // A command in the background, or at a terminal, lives as long as its sandbox unless it is given a limit.
  exec.spec.is_background = exec.is_background || exec.spec.terminal.has_value();
  if (!exec.spec.is_background) exec.spec.timeout = policy.limits.timeout;
  if (const auto limit = TRY(at.given("timeout_seconds"))) exec.spec.timeout = TRY(seconds(*limit));
  if (const auto limit = TRY(at.given("timeout_ms")))
    exec.spec.timeout = Milliseconds(TRY(limit->integer(1, std::int64_t{1} << 40)));
  return exec;
}

Result<sandboxes::ContextSpec> read_context(std::string_view body, const policy::Policy& policy,
                                            const std::string& folder) {
  const json::Value value = TRY(parse_object(body));
  const Reader at(value);
  static constexpr std::array<std::string_view, 4> kKnown{"language", "cwd", "env", "envs"};
  TRY(at.only(kKnown));
  sandboxes::ContextSpec spec{.language = &service::languages().front()};
  if (const auto language = TRY(at.given("language")))
    spec.language = TRY(service::find_language(TRY(language->text())));
  if (!folder.empty()) spec.cwd = folder;
  if (const auto cwd = TRY(at.given("cwd"))) spec.cwd = TRY(GuestPath::parse(TRY(cwd->text()))).text();
  spec.env = TRY(environment(at, policy));
  sandboxes::prefer_own_engine(spec.env);
  return spec;
}

sandboxes::ContextSpec default_context(const service::Language& language, const sandboxes::SandboxSpec& of) {
  sandboxes::ContextSpec spec = sandboxes::usual_context(language, of);
  sandboxes::prefer_own_engine(spec.env);
  return spec;
}

Result<service::Cell> read_cell(std::string_view body, const policy::Limits& limits) {
  const json::Value value = TRY(json::parse(body, {.max_bytes = 2 * service::kCellMax}));
  const Reader at(value);
  static constexpr std::array<std::string_view, 6> kKnown{"code", "timeout_ms", "timeout_seconds",
                                                          "env",  "envs",       "cwd"};
  TRY(at.only(kKnown));
  service::Cell cell{.code = std::string(TRY(TRY(at.at("code")).text())), .timeout = limits.timeout};
  if (const auto limit = TRY(at.given("timeout_seconds"))) cell.timeout = TRY(seconds(*limit));
  if (const auto limit = TRY(at.given("timeout_ms")))
    cell.timeout = Milliseconds(TRY(limit->integer(1, std::int64_t{1} << 40)));
  for (const std::string_view key : {"env", "envs"}) {
    if (const auto env = TRY(at.given(key))) cell.environment = TRY(read_variables(*env));
  }
  if (const auto cwd = TRY(at.given("cwd"))) cell.cwd = TRY(GuestPath::parse(TRY(cwd->text()))).text();
  return cell;
}

Result<sandboxes::LifespanChange> read_lifespan(std::string_view body, const sandboxes::Lifespan& now,
                                                const sandboxes::Lifespan& usual) {
  const json::Value value = TRY(parse_object(body));
  const Reader at(value);
  static constexpr std::array<std::string_view, 3> kKnown{"ttl_seconds", "idle_seconds", "persistent"};
  TRY(at.only(kKnown));
  return lifespan_change(at, now, usual);
}

Result<SignalBody> read_signal(std::string_view body) {
  static constexpr std::array<std::pair<std::string_view, int>, 16> kNames{{{"HUP", 1},
                                                                            {"INT", 2},
                                                                            {"QUIT", 3},
                                                                            {"ABRT", 6},
                                                                            {"KILL", 9},
                                                                            {"USR1", 10},
                                                                            {"SEGV", 11},
                                                                            {"USR2", 12},
                                                                            {"PIPE", 13},
                                                                            {"ALRM", 14},
                                                                            {"TERM", 15},
                                                                            {"CHLD", 17},
                                                                            {"CONT", 18},
                                                                            {"STOP", 19},
                                                                            {"TSTP", 20},
                                                                            {"WINCH", 28}}};
  const json::Value value = TRY(parse_object(body));
  const Reader at(value);
  static constexpr std::array<std::string_view, 1> kKnown{"signal"};
  TRY(at.only(kKnown));
  SignalBody signal;
  const auto given = TRY(at.given("signal"));
  if (!given) return signal;
  if (!given->value().is_string()) {
    signal.number = static_cast<int>(TRY(given->integer(1, 64)));
    return signal;
  }
  std::string_view name = TRY(given->text());
  if (name.starts_with("SIG")) name.remove_prefix(3);
  const auto* found = std::ranges::find(kNames, name, &std::pair<std::string_view, int>::first);
  if (found == kNames.end()) return given->error("a signal's name (\"SIGTERM\") or number is expected");
  signal.number = found->second;
  return signal;
}

Result<guest::TerminalSize> read_size(std::string_view body) {
  const json::Value value = TRY(parse_object(body));
  return size_of(Reader(value));
}

Result<std::string> read_path(std::string_view body) {
  const json::Value value = TRY(parse_object(body));
  return read_text(TRY(Reader(value).at("path")), 4096);
}

Result<MoveBody> read_move(std::string_view body) {
  const json::Value value = TRY(parse_object(body));
  const Reader at(value);
  return MoveBody{.from = TRY(read_text(TRY(at.at("from")), 4096)), .to = TRY(read_text(TRY(at.at("to")), 4096))};
}

Result<ModeBody> read_mode(std::string_view body) {
  const json::Value value = TRY(parse_object(body));
  const Reader at(value);
  const Reader mode = TRY(at.at("mode"));
  ModeBody read{.path = TRY(read_text(TRY(at.at("path")), 4096)), .mode = 0};
  if (mode.value().is_string()) {  // "0755", as people write it
    const std::string_view digits = TRY(mode.text());
    if (digits.empty() || digits.size() > 5 || digits.find_first_not_of("01234567") != std::string_view::npos)
      return mode.error("octal digits such as \"0755\" are expected");
    read.mode = static_cast<std::uint16_t>(std::stoul(std::string(digits), nullptr, 8) & 07777);
  } else {
    read.mode = static_cast<std::uint16_t>(TRY(mode.integer(0, 07777)));
  }
  return read;
}

Result<ForkBody> read_fork(std::string_view body, bool is_tree) {
  const json::Value value = TRY(parse_object(body));
  const Reader at(value);
  static constexpr std::array<std::string_view, 2> kKnown{"metadata", "count"};
  TRY(at.only(std::span(kKnown).first(is_tree ? 2 : 1)));
  ForkBody fork;
  if (const auto count = TRY(at.given("count")))
    fork.count = static_cast<std::size_t>(TRY(count->integer(1, sandboxes::kChildrenMost)));
  if (const auto pairs = TRY(at.given("metadata"))) fork.metadata = TRY(read_metadata(*pairs));
  return fork;
}

Result<PromoteBody> read_promote(std::string_view body) {
  const json::Value value = TRY(parse_object(body));
  const Reader at(value);
  static constexpr std::array<std::string_view, 2> kKnown{"cleanup_siblings", "tree_id"};
  TRY(at.only(kKnown));
  PromoteBody promote;
  if (const auto clean = TRY(at.given("cleanup_siblings"))) promote.is_cleaning = TRY(clean->boolean());
  if (const auto tree = TRY(at.given("tree_id"))) promote.tree_id = TRY(read_text(*tree, 128));
  return promote;
}

Result<Milliseconds> read_preview(std::string_view body) {
  const json::Value value = TRY(parse_object(body));
  const Reader at(value);
  static constexpr std::array<std::string_view, 1> kKnown{"expires_in_seconds"};
  TRY(at.only(kKnown));
  Milliseconds lifetime{3'600'000};
  if (const auto given = TRY(at.given("expires_in_seconds"))) lifetime = TRY(seconds(*given));
  if (lifetime > kPreviewMost)
    return Error(Code::kInvalidArgument, "$.expires_in_seconds: a preview lasts at most " + format(kPreviewMost));
  return lifetime;
}

Result<KeyBody> read_key(std::string_view body) {
  const json::Value value = TRY(parse_object(body));
  const Reader at(value);
  static constexpr std::array<std::string_view, 8> kKnown{
      "label", "prefix", "expires_in_seconds", "quota", "require", "runtimes", "templates", "may_build_templates"};
  TRY(at.only(kKnown));
  KeyBody key;
  if (const auto label = TRY(at.given("label"))) key.grant.label = TRY(read_text(*label, 200));
  if (const auto prefix = TRY(at.given("prefix"))) key.prefix = TRY(read_text(*prefix, 16));
  if (const auto lifetime = TRY(at.given("expires_in_seconds"))) key.lifetime = TRY(seconds(*lifetime));
  if (const auto quota = TRY(at.given("quota"))) {
    static constexpr std::array<std::string_view, 3> kQuota{"sandboxes", "cpus", "memory"};
    TRY(quota->only(kQuota));
    if (const auto count = TRY(quota->given("sandboxes")))
      key.grant.quota.sandboxes = static_cast<std::uint32_t>(TRY(count->integer(0, 1'000'000)));
    policy::Policy like;  // the same spellings as a sandbox's limits
    if (const auto cpus = TRY(quota->given("cpus"))) {
      TRY(set_limit(like, "cpus", *cpus));
      key.grant.quota.cpu_millis = like.limits.cpu_millis;
    }
    if (const auto memory = TRY(quota->given("memory"))) {
      TRY(set_limit(like, "memory", *memory));
      key.grant.quota.memory = like.limits.memory;
    }
  }
  if (const auto require = TRY(at.given("require"))) {
    auto floor = policy::parse_scalar(*policy::find_field("require.boundary"), TRY(require->text()));
    if (!floor) return require->error(floor.error().message());
    key.grant.floor = TRY(read_text(*require, 32));
  }
  if (const auto runtimes = TRY(at.given("runtimes"))) {
    key.grant.runtimes = TRY(words(*runtimes));
    for (const std::string& name : key.grant.runtimes) {
      if (auto good = policy::check_runtime(name); !good) return runtimes->error(good.error().message());
    }
  }
  if (const auto templates = TRY(at.given("templates"))) key.grant.templates = TRY(words(*templates));
  if (const auto may = TRY(at.given("may_build_templates"))) key.grant.may_build_templates = TRY(may->boolean());
  return key;
}

}  // namespace brig::api::v1
