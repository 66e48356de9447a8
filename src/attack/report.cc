#include "attack/report.h"

#include <algorithm>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "base/text.h"
#include "runtime/exit.h"

namespace brig::attack {
namespace {

constexpr std::size_t kNameWidth = 28;

std::string padded(std::string_view text, std::size_t width) {
  return std::string(text) + std::string(text.size() < width ? width - text.size() : 1, ' ');
}

std::string_view word_for(Verdict verdict, Kind kind) {
  if (kind == Kind::kAttack) return verdict == Verdict::kBreached ? "BREACHED" : to_string(verdict);
  switch (verdict) {
    case Verdict::kBreached: return "breaches";
    case Verdict::kHeld: return "PROVES NOTHING";
    default: return to_string(verdict);
  }
}

boost::json::array texts(const std::vector<std::string>& lines) {
  boost::json::array array;
  for (const std::string& line : lines) array.emplace_back(line);
  return array;
}

std::string changes_text(const std::vector<std::string>& changes) {
  std::string text;
  for (const std::string& change : changes) text += "OUTSIDE: " + change + "\n";
  return text;
}

std::string summary(const SuiteReport& report, Kind kind) {
  std::string text = std::to_string(report.judgements.size()) + (kind == Kind::kAttack ? " probes: " : " controls: ");
  const char* separator = "";
  for (Verdict verdict :
       {Verdict::kHeld, Verdict::kBreached, Verdict::kNotEnforced, Verdict::kNotApplicable, Verdict::kNotRun}) {
    const std::size_t count = report.count(verdict);
    const bool is_always_said = verdict == Verdict::kHeld || verdict == Verdict::kBreached;
    if (count == 0 && !is_always_said) continue;
    text += separator + std::to_string(count) + " " +
            (kind == Kind::kAttack ? std::string(to_string(verdict)) : std::string(word_for(verdict, kind)));
    separator = ", ";
  }
  return text + "\n";
}

}  // namespace

std::string table(const SuiteReport& report, Kind kind) {
  std::string text;
  for (std::size_t index = 0; index < kGroupCount; ++index) {
    const auto group = static_cast<Group>(index);
    bool is_first = true;
    for (const Judgement& judgement : report.judgements) {
      if (judgement.probe->group != group) continue;
      if (is_first) text += std::string(title_of(group)) + (kind == Kind::kControl ? " (controls)" : "") + "\n";
      is_first = false;
      text += "  " + padded(word_for(judgement.verdict, kind), 15) + padded(judgement.probe->name, kNameWidth) +
              judgement.why + "\n";
    }
  }
  return text + changes_text(report.host_changes) + summary(report, kind);
}

boost::json::value to_json(const SuiteReport& report) {
  boost::json::array probes;
  for (const Judgement& judgement : report.judgements) {
    const Probe& probe = *judgement.probe;
    probes.push_back(boost::json::object{{"name", std::string(probe.name)},
                                         {"group", std::string(title_of(probe.group))},
                                         {"attack", std::string(probe.attack)},
                                         {"published", std::string(probe.cve)},
                                         {"verdict", std::string(to_string(judgement.verdict))},
                                         {"why", judgement.why}});
  }
  return boost::json::object{{"probes", std::move(probes)},
                             {"outside", texts(report.host_changes)},
                             {"held", report.count(Verdict::kHeld)},
                             {"breached", report.count(Verdict::kBreached)},
                             {"not_enforced", report.count(Verdict::kNotEnforced)},
                             {"not_applicable", report.count(Verdict::kNotApplicable)},
                             {"not_run", report.count(Verdict::kNotRun)}};
}

std::string table(const CorpusReport& report) {
  std::string text =
      padded("category", 10) + padded("snippets", 10) + padded("held", 8) + padded("breached", 10) + "how they ended\n";
  for (const auto& [category, one] : report.categories) {
    std::string endings;
    for (const auto& [status, count] : one.endings)
      endings += (endings.empty() ? "" : ", ") + std::to_string(count) + " " + status;
    text += padded(category, 10) + padded(std::to_string(one.held + one.breached + one.not_run), 10) +
            padded(std::to_string(one.held), 8) + padded(std::to_string(one.breached), 10) + endings + "\n";
  }
  for (const std::string& breach : report.breaches) text += "BREACHED " + breach + "\n";
  const auto total = report.total();
  return text + changes_text(report.host_changes) + std::to_string(total.held + total.breached + total.not_run) +
         " snippets: " + std::to_string(total.held) + " held, " + std::to_string(total.breached) + " breached" +
         (total.not_run != 0 ? ", " + std::to_string(total.not_run) + " not run" : "") + "\n";
}

boost::json::value to_json(const CorpusReport& report) {
  boost::json::object categories;
  for (const auto& [category, one] : report.categories) {
    boost::json::object endings;
    for (const auto& [status, count] : one.endings) endings[status] = count;
    categories[category] = boost::json::object{
        {"held", one.held}, {"breached", one.breached}, {"not_run", one.not_run}, {"endings", std::move(endings)}};
  }
  const auto total = report.total();
  return boost::json::object{{"categories", std::move(categories)},
                             {"breaches", texts(report.breaches)},
                             {"outside", texts(report.host_changes)},
                             {"held", total.held},
                             {"breached", total.breached},
                             {"not_run", total.not_run}};
}

std::string list(const std::vector<const Probe*>& probes) {
  std::string text;
  for (const Probe* probe : probes) {
    text += padded(probe->name, kNameWidth) + std::string(probe->attack);
    if (!probe->cve.empty()) text += " (" + std::string(probe->cve) + ")";
    text += "\n";
  }
  return text;
}

std::string markdown_list() {
  std::string text;
  for (std::size_t index = 0; index < kGroupCount; ++index) {
    const auto group = static_cast<Group>(index);
    text += "\n### " + std::string(title_of(group)) +
            "\n\n| probe | tries to | published | expected to be stopped by | control needs |\n";
    text += "|---|---|---|---|---|\n";
    for (const Probe* probe : all_probes()) {
      if (probe->group != group) continue;
      std::string needs(probe->needs_root ? "root" : "");
      if (!probe->needs.empty()) needs += (needs.empty() ? "" : ", ") + std::string(probe->needs);
      text += "| " + std::string(probe->name) + " | " + std::string(probe->attack) + " | " + std::string(probe->cve) +
              " | " + std::string(probe->refusal) + " | " + needs + " |\n";
    }
  }
  return text;
}

int exit_code_of(const SuiteReport& report, Kind kind) {
  const bool is_bad = report.count(kind == Kind::kAttack ? Verdict::kBreached : Verdict::kHeld) != 0;
  if (is_bad || !report.host_changes.empty()) return 1;
  return report.count(Verdict::kNotRun) != 0 || report.judgements.empty() ? runtime::kFailedExitCode : 0;
}

int exit_code_of(const CorpusReport& report) {
  const auto total = report.total();
  if (total.breached != 0 || !report.host_changes.empty()) return 1;
  return total.not_run != 0 || total.held == 0 ? runtime::kFailedExitCode : 0;
}

}  // namespace brig::attack
