#pragma once
/// The corpus: hostile program texts from outside, each in a sandbox of its own with canaries around.
///
/// Nobody says what such a text should achieve, so only what is seen outside counts: the canaries (scene.h), and files
/// of the host that such texts attack.
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "async/task.h"
#include "attack/snippets.h"
#include "base/result.h"
#include "runtime/runtime.h"
#include "service/languages.h"

namespace brig::attack {

struct CorpusCount {
  std::size_t held = 0;
  std::size_t breached = 0;
  std::size_t not_run = 0;
  std::map<std::string, std::size_t> endings;  ///< by status: "ok", "error", "timeout" …
};

struct CorpusReport {
  std::map<std::string, CorpusCount> categories;
  std::vector<std::string> breaches;  ///< "category 3 item 7: …"
  std::vector<std::string> host_changes;
  [[nodiscard]] CorpusCount total() const;
};

/// `runtime` outlives the task; `program` is brig-probe (it plays the canary). `on_each` hears of every snippet that
/// has ended.
Task<CorpusReport> run_corpus(runtime::Runtime& runtime, std::string program, std::vector<Snippet> snippets,
                              const service::Language* language, std::function<void()> on_each);

}  // namespace brig::attack
