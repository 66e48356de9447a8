#include "attack/suite.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "attack/canary.h"
#include "attack/outside.h"
#include "attack/program.h"

namespace brig::attack {
namespace {

constexpr std::size_t kTokenBytes = 16;
constexpr std::size_t kMarkerBytes = 8;

/// The work of one suite, shared by its workers.
struct Work {
  std::vector<const Probe*> probes;
  std::size_t next = 0;
  std::vector<Judgement> judgements;
  std::string token;
  Room& room;
  std::function<Judgement(const Probe&, const Observation&, const Secrets&)> judge;
  OnJudgement on_judgement;
};

/// What a careless runtime would hand on: a variable, two descriptors without close-on-exec, a key in the session
/// keyring.
class CarelessCaller {
 public:
  CarelessCaller(const Scene& scene, const std::string& token) {
    ::setenv(kCanaryVariable, token.c_str(), 1);
    folder_ = Fd(::open(scene.folder().c_str(), O_RDONLY | O_DIRECTORY));  // NOLINT(android-cloexec-open): the canary
    file_ = Fd(::open((scene.folder() + "/secret").c_str(), O_RDONLY));    // NOLINT(android-cloexec-open): the canary
    constexpr long kJoinSession = 1;
    constexpr long kSessionKeyring = -3;
    ::syscall(SYS_keyctl, kJoinSession, nullptr);
    ::syscall(SYS_add_key, "user", "brig-canary", token.data(), token.size(), kSessionKeyring);
  }
  CarelessCaller(const CarelessCaller&) = delete;
  CarelessCaller& operator=(const CarelessCaller&) = delete;
  ~CarelessCaller() { ::unsetenv(kCanaryVariable); }

 private:
  Fd folder_;
  Fd file_;
};

asio::awaitable<void> work(Work& shared, Scene& scene) {
  while (shared.next < shared.probes.size()) {
    const std::size_t index = shared.next++;
    const Probe& probe = *shared.probes[index];
    const Secrets secrets{shared.token, probe.phases > 1 ? random_hex(kMarkerBytes) : ""};
    Observation observation = co_await shared.room.run(probe, scene, secrets.marker);
    if (!secrets.marker.empty()) {
      for (const std::string& pid : processes_named("brig-stray-" + secrets.marker.substr(0, 4))) {
        observation.damage.push_back("its process outlived the sandbox, as pid " + pid);
      }
    }
    shared.judgements[index] = shared.judge(probe, observation, secrets);
    shared.on_judgement(shared.judgements[index]);
  }
}

Task<SuiteReport> run_suite(Work& shared, Scene& first, Scene& second) {
  using namespace asio::experimental::awaitable_operators;
  const HostState before = read_host_state();
  shared.judgements.resize(shared.probes.size());
  co_await (work(shared, first) && work(shared, second));
  SuiteReport report{std::move(shared.judgements), changes(before, read_host_state())};
  for (Scene* scene : {&first, &second}) {
    for (std::string& damage : scene->take_damage()) report.host_changes.push_back(std::move(damage));
  }
  co_return report;
}

}  // namespace

std::size_t SuiteReport::count(Verdict verdict) const {
  return static_cast<std::size_t>(std::ranges::count(judgements, verdict, &Judgement::verdict));
}

std::vector<const Probe*> choose_probes(const std::string& filter) {
  std::vector<const Probe*> chosen;
  for (const Probe* probe : all_probes()) {
    const bool is_named = probe->name.find(filter) != std::string_view::npos;
    if (is_named || title_of(probe->group).find(filter) != std::string_view::npos) chosen.push_back(probe);
  }
  return chosen;
}

Task<SuiteReport> attack(runtime::Runtime& runtime, SuiteOptions options, OnJudgement on_judgement) {
  const std::string token = random_hex(kTokenBytes);
  CO_TRY(const auto first, Scene::create(options.program, token));
  CO_TRY(const auto second, Scene::create(options.program, token));
  const CarelessCaller caller(*first, token);
  const auto room = options.context_language != nullptr
                        ? make_context_room(runtime, options.program, *options.context_language)
                        : make_sandbox_room(runtime, options.program);
  Work shared{choose_probes(options.filter), 0, {}, token, *room, judge, std::move(on_judgement)};
  co_return co_await run_suite(shared, *first, *second);
}

Task<SuiteReport> control(SuiteOptions options, OnJudgement on_judgement) {
  const std::string token = random_hex(kTokenBytes);
  CO_TRY(const auto first, Scene::create(options.program, token));
  CO_TRY(const auto second, Scene::create(options.program, token));
  const auto room = make_open_room(options.program, token);
  const bool is_root = ::geteuid() == 0;
  const auto judge_one = [is_root](const Probe& probe, const Observation& observation, const Secrets& secrets) {
    return judge_control(probe, observation, secrets, is_root);
  };
  Work shared{choose_probes(options.filter), 0, {}, token, *room, judge_one, std::move(on_judgement)};
  co_return co_await run_suite(shared, *first, *second);
}

}  // namespace brig::attack
