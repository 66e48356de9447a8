/// The same attacks out of a cell: a context's interpreter in a sandbox starts the probe, as a model's code would.
#include <string>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json/value.hpp>

#include "async/timer.h"
#include "attack/room.h"
#include "base/number.h"
#include "json/json.h"
#include "runtime/ending.h"
#include "runtime/judge.h"
#include "runtime/walls.h"
#include "sandboxes/contexts/context.h"
#include "service/capture.h"
#include "service/copies.h"
#include "service/run.h"

namespace brig::attack {
namespace {

namespace bj = boost::json;

constexpr Milliseconds kStartLimit{20'000};
constexpr Milliseconds kCopyLimit{30'000};
constexpr Milliseconds kDestroyLimit{10'000};
/// What an interpreter may take to begin and to be interrupted, beside the probe's own time.
constexpr Milliseconds kSlack{40'000};
/// How the cell says what became of the probe.
constexpr std::string_view kMark = "\nbrig-cell: ";

std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

/// A cell that runs the probe and says how it ended, as the language has it: -N or 128+N for a signal.
std::string cell_of(const service::Language& language, const std::vector<std::string>& argv) {
  if (language.name == "bash") {
    std::string line;
    for (const std::string& word : argv) line += quoted(word) + " ";
    // 9 is what is left of the cell's own text: from there bash reads it.
    return line + "9<&-\nbrig_code=$?\nprintf '\\nbrig-cell: %s\\n' \"$brig_code\"\n";
  }
  const std::string words = json::write(bj::array(argv.begin(), argv.end()));
  return "import json, subprocess\nended = subprocess.run(json.loads(" + json::write(bj::string(words)) +
         "))\nprint('\\nbrig-cell: %d' % ended.returncode, flush=True)\n";
}

/// What the cell says of the probe; none if it did not come to that.
std::optional<runtime::GuestWord> word_in(std::string_view output) {
  const std::size_t at = output.rfind(kMark);
  if (at == std::string_view::npos) return {};
  std::string_view text = output.substr(at + kMark.size());
  text = text.substr(0, text.find('\n'));
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  const auto number = whole_number<unsigned>(text);
  if (!number || *number > 255) return {};
  if (is_negative) return runtime::GuestWord{.is_signalled = true, .value = static_cast<int>(*number)};
  if (*number > 128) return runtime::GuestWord{.is_signalled = true, .value = static_cast<int>(*number) - 128};
  return runtime::GuestWord{.value = static_cast<int>(*number)};
}

/// What a cell did, as far as it was listened to.
struct Heard {
  explicit Heard(const policy::Limits& limits) : out(limits.output), err(limits.output), most(limits.output_total) {}
  service::Capture out;
  service::Capture err;
  Bytes most;
  std::string status;  ///< empty: nobody listened to its end
};

/// Until the cell's end, or until it has printed more than anybody has to listen to.
Task<> listen(sandboxes::Context::Run& run, Heard& heard) {
  using Kind = sandboxes::CellEvent::Kind;
  while (heard.out.total() + heard.err.total() <= heard.most.count) {
    CO_TRY(const sandboxes::CellEvent event, co_await run.next());
    if (event.kind == Kind::kOut) heard.out.append(std::as_bytes(std::span(event.text)));
    if (event.kind == Kind::kErr) heard.err.append(std::as_bytes(std::span(event.text)));
    if (event.kind != Kind::kEnd) continue;
    heard.status = event.end.status;
    break;
  }
  co_return Result<>();
}

class ContextRoom final : public Room {
 public:
  ContextRoom(runtime::Runtime& runtime, std::string program, const service::Language& language)
      : runtime_(runtime), program_(std::move(program)), language_(language) {}

  asio::awaitable<Observation> run(const Probe& probe, Scene& scene, std::string marker) override {
    Observation observation;
    for (int phase = 1; phase <= probe.phases && observation.trouble.empty(); ++phase) {
      auto ran = co_await run_phase(probe, probe_words(probe, scene, phase, phase == 1 ? marker : ""), scene.input(),
                                    observation);
      if (!ran) observation.trouble = ran.error().message();
    }
    observation.damage = scene.take_damage();
    co_return observation;
  }

 private:
  Task<> run_phase(const Probe& probe, std::vector<std::string> words, std::string input, Observation& observation) {
    const auto executor = co_await asio::this_coro::executor;
    CO_TRY(const policy::Policy policy, probe_policy(probe, program_, input));
    policy::Policy enforced = runtime::asked_of(runtime_, policy);
    service::Copies copies;
    if (enforced.mounts != policy.mounts) {
      CO_TRY(copies, service::Copies::open(policy.mounts));
    }
    CO_TRY_VOID(runtime_.admit(enforced));
    auto creating = runtime_.create(
        {.id = "attack-" + random_hex(6), .policy = std::move(enforced), .lifetime = probe.timeout + kSlack});
    CO_TRY(const auto cell, co_await with_timeout(kStartLimit, std::move(creating), "creating the sandbox"));
    observation.has_own_kernel = cell->attestation().boundary != policy::Boundary::kSharedKernel;
    observation.weaknesses = cell->attestation().weaknesses;
    CO_TRY(const auto session, guest::Session::connect(executor, cell->take_channel()));
    if (!copies.is_empty())
      CO_TRY_VOID(co_await with_timeout(kCopyLimit, copies.write(*session), "bringing the probe in"));
    Heard heard(policy.limits);
    auto ran = co_await run_cell(policy, probe, std::move(words), *cell, *session, heard);
    auto destroyed = co_await with_timeout(kDestroyLimit, cell->destroy(), "removing the sandbox");
    if (!destroyed) co_return std::move(destroyed).error();
    if (!ran) co_return ran;
    runtime::Observed seen{.act = runtime::HostAct::kNone, .word = {}, .cell = *destroyed};
    observation.output = heard.out.text() + heard.err.text();
    if (heard.status.empty()) seen.act = runtime::HostAct::kOutputTotal;
    else if (heard.status == "timeout") seen.act = runtime::HostAct::kTimeout;
    else seen.word = word_in(heard.out.text());
    observation.exit = judge(seen, policy.limits).exit;
    co_return Result<>();
  }

  Task<> run_cell(policy::Policy policy, const Probe& probe, std::vector<std::string> words, runtime::Cell& cell,
                  guest::Session& session, Heard& heard) {
    const auto context = std::make_shared<sandboxes::Context>(
        sandboxes::ContextSpec{
            .id = "attack", .language = &language_, .cwd = "/workspace", .env = service::environment_of(policy)},
        policy.limits, [&session]() -> Result<guest::Session*> { return &session; }, [&cell] { return cell.stats(); },
        sandboxes::Context::Warmth{}, std::make_shared<std::size_t>(0), co_await asio::this_coro::executor);
    auto opened = co_await context->open();
    if (!opened) co_return std::move(opened).error().context("starting the interpreter");
    auto ran = co_await run_in(*context,
                               {.code = cell_of(language_, words), .timeout = probe.timeout, .environment = {}}, heard);
    context->close();
    co_return ran;
  }

  static Task<> run_in(sandboxes::Context& context, service::Cell cell, Heard& heard) {
    CO_TRY(const auto run, context.run(std::move(cell)));
    co_return co_await listen(*run, heard);
  }

  runtime::Runtime& runtime_;
  std::string program_;
  const service::Language& language_;
};

}  // namespace

std::unique_ptr<Room> make_context_room(runtime::Runtime& runtime, std::string program,
                                        const service::Language& language) {
  return std::make_unique<ContextRoom>(runtime, std::move(program), language);
}

}  // namespace brig::attack
