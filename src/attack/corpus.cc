#include "attack/corpus.h"

#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "attack/outside.h"
#include "attack/scene.h"
#include "base/text.h"
#include "service/run.h"

namespace brig::attack {
namespace {

constexpr Milliseconds kSnippetLimit{5000};
constexpr std::size_t kTokenBytes = 16;

class Deaf final : public service::RunObserver {
 public:
  void on_head(guest::Stream, std::span<const std::byte>) override {}
};

struct Work {
  runtime::Runtime& runtime;
  std::vector<Snippet> snippets;
  const service::Language* language;
  std::string token;
  std::function<void()> on_each;
  std::size_t next = 0;
  CorpusReport report;
};

service::TaskSpec spec_of(const Work& work, const Snippet& snippet) {
  policy::Policy policy;
  policy.limits.timeout = kSnippetLimit;
  service::Script script{
      .language = work.language, .origin = service::Origin::kCode, .name = {}, .text = snippet.code, .arguments = {}};
  return {.id = "corpus-" + random_hex(6), .policy = std::move(policy), .program = std::move(script)};
}

void count(Work& work, const Snippet& snippet, const Result<service::RunReport>& report,
           std::vector<std::string> damage) {
  CorpusCount& category = work.report.categories[snippet.category];
  const std::string name = "category " + snippet.category + " item " + snippet.item + ": ";
  if (report.has_value()) {
    if ((report->out.text() + report->err.text()).find(work.token) != std::string::npos)
      damage.emplace_back("the canary's secret is in the output");
    ++category.endings[std::string(runtime::status_of(report->exit))];
  }
  if (!damage.empty()) {
    ++category.breached;
    work.report.breaches.push_back(name + printable(damage.front()));
  } else if (!report.has_value()) {
    ++category.not_run;
    work.report.breaches.push_back(name + "not run: " + printable(report.error().message()));
  } else {
    ++category.held;
  }
}

asio::awaitable<void> run_some(Work& work, Scene& scene) {
  while (work.next < work.snippets.size()) {
    const Snippet& snippet = work.snippets[work.next++];
    Deaf observer;
    const auto report = co_await service::run_task(work.runtime, spec_of(work, snippet), observer);
    count(work, snippet, report, scene.take_damage());
    work.on_each();
  }
}

}  // namespace

CorpusCount CorpusReport::total() const {
  CorpusCount sum;
  for (const auto& [name, one] : categories) {
    sum.held += one.held;
    sum.breached += one.breached;
    sum.not_run += one.not_run;
  }
  return sum;
}

Task<CorpusReport> run_corpus(runtime::Runtime& runtime, std::string program, std::vector<Snippet> snippets,
                              const service::Language* language, std::function<void()> on_each) {
  using namespace asio::experimental::awaitable_operators;
  const std::string token = random_hex(kTokenBytes);
  CO_TRY(const auto first, Scene::create(program, token));
  CO_TRY(const auto second, Scene::create(program, token));
  const HostState before = read_host_state();
  const HostState files_before = read_host_files();
  Work shared{runtime, std::move(snippets), language, token, std::move(on_each), 0, {}};
  co_await (run_some(shared, *first) && run_some(shared, *second));
  CorpusReport report = std::move(shared.report);
  report.host_changes = changes(before, read_host_state());
  for (std::string& change : changes(files_before, read_host_files())) report.host_changes.push_back(std::move(change));
  for (Scene* scene : {first.get(), second.get()}) {
    for (std::string& damage : scene->take_damage()) report.host_changes.push_back(std::move(damage));
  }
  co_return report;
}

}  // namespace brig::attack
