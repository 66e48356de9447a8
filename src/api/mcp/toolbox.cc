#include "api/mcp/toolbox.h"

#include <algorithm>
#include <utility>

#include "api/mcp/content.h"
#include "base/text.h"
#include "base/wall_time.h"
#include "image/own_name.h"
#include "policy/schema.h"
#include "policy/scratch.h"
#include "policy/validate.h"
#include "service/languages.h"

namespace brig::api::mcp {
namespace {

namespace bj = boost::json;

constexpr std::size_t kListedMax = 100;
constexpr const char* kSessionEnded = "its MCP session ended";

/// A sandbox as the tools make one.
Result<Wish> wish_of(const NewSandbox& wanted, const sandboxes::Options& options, const image::Defaults& defaults) {
  Wish wish;
  if (!wanted.template_name.empty()) wish.request.template_name = wanted.template_name;
  policy::Policy policy = TRY(image::apply_defaults(options.defaults, defaults).context("the template's defaults"));
  if (wanted.timeout) policy.limits.timeout = *wanted.timeout;
  TRY(settle(policy));
  if (wanted.cpus) {
    const policy::Field* field = policy::find_field("limits.cpus");
    field->set(policy, TRY(policy::scalar_of(*field, *wanted.cpus).context("$.cpu")));
  }
  if (wanted.memory) policy.limits.memory = *wanted.memory;
  TRY(policy::validate(policy));
  policy::fit_unasked_disk(policy.limits);
  wish.request.policy = std::move(policy);
  wish.request.lifespan = {.ttl = wanted.ttl ? wanted.ttl : options.lifespan.ttl, .idle = kSandboxIdle};
  TRY(sandboxes::expect_ttl(options, wish.request.lifespan.ttl).context("$.ttl_seconds"));
  wish.request.metadata = {{"made_by", "mcp"}};
  return wish;
}

Error session_over() { return {Code::kCancelled, "the MCP session ended meanwhile"}; }

}  // namespace

/// The turn to make something that must not be made twice: whoever comes meanwhile waits for it.
class Toolbox::Making {
 public:
  Making(Toolbox& toolbox, std::string what) : toolbox_(toolbox), what_(std::move(what)) {}
  Making(const Making&) = delete;
  Making& operator=(const Making&) = delete;
  ~Making() {
    if (!is_ours_) return;
    toolbox_.in_making_.erase(what_);
    toolbox_.made_.notify();
  }
  Task<> come() {
    while (toolbox_.in_making_.contains(what_)) CO_TRY_VOID(co_await toolbox_.made_.wait());
    toolbox_.in_making_.insert(what_);
    is_ours_ = true;
    co_return Result<>();
  }

 private:
  Toolbox& toolbox_;
  std::string what_;
  bool is_ours_ = false;
};

/// What the tools give back of a stream is less than what a sandbox keeps of it.
policy::Policy as_shown(policy::Policy policy) {
  policy.limits.output.count = std::min<std::uint64_t>(policy.limits.output.count, kTextMax);
  return policy;
}

bj::array Toolbox::describe() const {
  const auto prompt = creation_.prompt_of({}, image::kHostName, as_shown(sandboxes_.options().defaults));
  return describe_tools(prompt ? *prompt : std::string());
}

Task<bj::object> Toolbox::use(Asked asked) {
  const auto arguments = read_arguments(asked.tool, asked.arguments);
  if (!arguments) co_return failure(arguments.error());
  auto done = co_await perform(asked, *arguments);
  if (done || asked.call->is_cancelled()) co_return done;
  co_return failure(done.error());
}

Task<bj::object> Toolbox::perform(const Asked& asked, const Arguments& arguments) {
  switch (asked.tool) {
    case Tool::kRunCode: return run_code(asked, arguments);
    case Tool::kRunCommand: return run_command(asked, arguments);
    case Tool::kReadFile: return read_file(asked, arguments);
    case Tool::kWriteFile: return write_file(asked, arguments);
    case Tool::kListFiles: return list_files(asked, arguments);
    case Tool::kCreateSandbox: return create_sandbox(asked, arguments);
    case Tool::kListSandboxes: return list_sandboxes(asked);
    case Tool::kKillSandbox: break;
  }
  return kill_sandbox(asked, arguments);
}

Task<> Toolbox::clear(std::string key_id, std::string sandbox_id) {
  store::Key owner;
  owner.id = std::move(key_id);
  const auto sandbox = sandboxes_.find(owner, sandbox_id);
  if (!sandbox) co_return Result<>();
  co_return co_await sandboxes_.kill(*sandbox, kSessionEnded);
}

Task<std::shared_ptr<sandboxes::Sandbox>> Toolbox::make(const Asked& asked, NewSandbox wanted) {
  const ReadWish read = [&](const sandboxes::Options& options, const image::Defaults& defaults) {
    return wish_of(wanted, options, defaults);
  };
  CO_TRY(Creation::Order order, creation_.order(asked.caller, read, asked.request_id));
  CO_TRY(const sandboxes::Created made, co_await creation_.carry_out(asked.caller, std::move(order)));
  co_return made.sandbox;
}

/// The sandbox that the model named, the conversation's own, or a new one.
Task<Toolbox::Place> Toolbox::place(const Asked& asked, std::string sandbox_id, bool may_make) {
  if (!sandbox_id.empty()) {
    auto found = sandboxes_.find(asked.caller.key, sandbox_id);
    if (!found) {
      co_return Error(Code::kNotFound, "there is no sandbox " + printable(sandbox_id, 60) +
                                           " (any more), and its files and variables are gone: list_sandboxes names "
                                           "those that live, and without sandbox_id a new one is made");
    }
    co_return Place{.sandbox = *found, .use = (*found)->use(), .note = {}};
  }
  if (!asked.session && !may_make)
    co_return Error(Code::kInvalidArgument, "arguments.sandbox_id: which sandbox? An earlier result named it");
  if (!asked.session) {
    CO_TRY(const auto made, co_await make(asked, {}));
    const std::string& id = made->spec().id;
    co_return Place{.sandbox = made,
                    .use = made->use(),
                    .note = "sandbox_id: " + id + " (a new sandbox; pass this on to go on in it)"};
  }
  Making making(*this, asked.session->id);
  CO_TRY_VOID(co_await making.come());
  if (asked.session->is_over) co_return session_over();
  std::string& own = asked.session->sandbox_id;
  if (!own.empty()) {
    if (auto found = sandboxes_.find(asked.caller.key, own); found && !(*found)->life().is_ended())
      co_return Place{.sandbox = *found, .use = (*found)->use(), .note = {}};
  }
  const bool is_second = !own.empty();
  CO_TRY(const auto made, co_await make(asked, {}));
  if (asked.session->is_over) {  // whoever ended it found no sandbox to end
    CO_TRY_VOID(co_await sandboxes_.kill(made, kSessionEnded));
    co_return session_over();
  }
  own = made->spec().id;
  co_return Place{.sandbox = made,
                  .use = made->use(),
                  .note = is_second ? "Note: the sandbox used before has ended. This is a fresh one: earlier files and "
                                      "variables are gone."
                                    : ""};
}

Task<std::shared_ptr<sandboxes::Context>> Toolbox::context_of(std::shared_ptr<sandboxes::Sandbox> sandbox,
                                                              std::string language) {
  CO_TRY(const service::Language* known, service::find_language(language).context("arguments.language"));
  const std::string name = sandbox->spec().id + " " + std::string(known->name);
  Making making(*this, name);
  CO_TRY_VOID(co_await making.come());
  if (const auto found = contexts_.find(name); found != contexts_.end()) {
    const auto context = found->second.lock();
    if (context && sandbox->find_context(context->spec().id) == context) co_return context;
  }
  std::erase_if(contexts_, [](const auto& one) { return one.second.expired(); });
  sandboxes::ContextSpec spec = sandboxes::usual_context(*known, sandbox->spec());
  sandboxes::prefer_own_engine(spec.env);
  CO_TRY(const auto context, co_await sandbox->open_context(std::move(spec)));
  contexts_[name] = context;
  co_return context;
}

Task<bj::object> Toolbox::create_sandbox(const Asked& asked, const Arguments& arguments) {
  CO_TRY(const auto made, co_await make(asked, arguments.new_sandbox));
  Content content;
  const sandboxes::SandboxSpec& spec = made->spec();
  content.say("sandbox_id: " + spec.id + "\nPass it to the other tools to use this sandbox.");
  if (const auto prompt = creation_.prompt_of(asked.caller.key, spec.template_name, as_shown(spec.policy)))
    content.say(*prompt);
  co_return std::move(content).result(false);
}

Task<bj::object> Toolbox::list_sandboxes(const Asked& asked) const {
  Content content;
  std::size_t shown = 0;
  const auto all = sandboxes_.of_key(asked.caller.key);
  for (const auto& sandbox : all) {
    if (sandbox->life().is_ended()) continue;
    if (++shown > kListedMax) continue;
    const sandboxes::SandboxSpec& spec = sandbox->spec();
    const bool is_own = asked.session && asked.session->sandbox_id == spec.id;
    content.say("sandbox_id: " + spec.id + "  template: " + printable(spec.template_name, 64) +
                "  made: " + format(sandbox->created_at()) + (is_own ? "  (this conversation's own)" : ""));
  }
  if (shown == 0) content.say("There is none. The other tools make one by themselves.");
  if (shown > kListedMax) content.say("and " + std::to_string(shown - kListedMax) + " more");
  co_return std::move(content).result(false);
}

Task<bj::object> Toolbox::kill_sandbox(const Asked& asked, const Arguments& arguments) {
  Content content;
  std::string id = arguments.sandbox_id;
  if (id.empty() && asked.session) id = asked.session->sandbox_id;
  if (id.empty() && asked.session) {
    content.say("This conversation has no sandbox yet: nothing to end.");
    co_return std::move(content).result(false);
  }
  if (id.empty())
    co_return Error(Code::kInvalidArgument, "arguments.sandbox_id: which sandbox? list_sandboxes names them");
  CO_TRY(const auto sandbox, sandboxes_.find(asked.caller.key, id));
  CO_TRY_VOID(co_await sandboxes_.kill(sandbox, "asked for by an MCP client"));
  content.say("The sandbox " + id + " has ended, and everything in it is gone.");
  co_return std::move(content).result(false);
}

}  // namespace brig::api::mcp
