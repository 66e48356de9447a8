#include "attack/api/suite.h"

#include <algorithm>
#include <array>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "base/text.h"
#include "json/json.h"

namespace brig::attack::api {
namespace {

constexpr std::size_t kNameWidth = 34;
constexpr std::size_t kWhyShown = 160;
constexpr int kNotRunExitCode = 125;

std::string padded(std::string_view text, std::size_t width) {
  return std::string(text) + std::string(text.size() < width ? width - text.size() : 1, ' ');
}

void hide(std::string& text, const std::string& secret, std::string_view name) {
  if (secret.empty()) return;
  for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at + name.size()))
    text.replace(at, secret.size(), name);
}

Task<Finding> run_one(Scene& scene, const Probe& probe, Side side) {
  if (probe.needs_owner && !scene.has_owner())
    co_return Finding{false, "needs the daemon's own socket: run without --url", false};
  co_return co_await probe.run(scene, side);
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kHeld: return "held";
    case Verdict::kBreached: return "breached";
    case Verdict::kNotApplicable: return "not applicable";
    case Verdict::kNotRun: return "not run";
  }
  return "?";
}

std::size_t Report::count(Verdict verdict) const {
  return static_cast<std::size_t>(std::ranges::count(judgements, verdict, &Judgement::verdict));
}

Judgement judge(const Probe& probe, const Result<Finding>& attack, const Result<Finding>& control) {
  if (attack && !attack->is_applicable) return {&probe, Verdict::kNotApplicable, attack->seen};
  if (attack && attack->has_reached) return {&probe, Verdict::kBreached, attack->seen};
  if (!attack) return {&probe, Verdict::kNotRun, attack.error().message()};
  if (!control) return {&probe, Verdict::kNotRun, "its control failed: " + control.error().message()};
  if (!control->is_applicable) return {&probe, Verdict::kNotApplicable, control->seen};
  if (!control->has_reached)
    return {&probe, Verdict::kNotRun, "it proves nothing, for its control reached nothing: " + control->seen};
  return {&probe, Verdict::kHeld, attack->seen};
}

std::vector<const Probe*> choose_probes(std::string_view filter) {
  std::vector<const Probe*> chosen;
  for (const Probe& probe : all_probes()) {
    if (probe.name.contains(filter) || title_of(probe.group).contains(filter)) chosen.push_back(&probe);
  }
  return chosen;
}

Task<Report> attack(Scene& scene, std::vector<const Probe*> probes, std::function<void()> on_step) {
  std::vector<Result<Finding>> attacks;
  for (const Probe* probe : probes) {
    attacks.push_back(co_await run_one(scene, *probe, Side::kAttack));
    on_step();
  }
  Report report;
  for (std::size_t i = 0; i < probes.size(); ++i) {
    const auto control = co_await run_one(scene, *probes[i], Side::kControl);
    on_step();
    Judgement judgement = judge(*probes[i], attacks[i], control);
    hide(judgement.why, scene.stage().victim_key, "(the victim's key)");
    hide(judgement.why, scene.stage().attacker_key, "(the attacker's key)");
    hide(judgement.why, scene.secret(), "(the secret)");
    judgement.why = printable(judgement.why, 300);
    report.judgements.push_back(std::move(judgement));
  }
  co_return report;
}

std::string table(const Report& report) {
  std::string text;
  std::optional<Group> group;
  for (const Judgement& judgement : report.judgements) {
    if (group != judgement.probe->group) {
      group = judgement.probe->group;
      text += (text.empty() ? "" : "\n") + std::string(title_of(*group)) + "\n";
    }
    const bool is_bad = judgement.verdict == Verdict::kBreached;
    text += "  " + padded(judgement.probe->name, kNameWidth) +
            padded(is_bad ? "BREACHED" : to_string(judgement.verdict), 16) +
            judgement.why.substr(0, is_bad ? std::string::npos : kWhyShown) + "\n";
  }
  text += "\n" + std::to_string(report.judgements.size()) + " probes, each with its control: ";
  const char* separator = "";
  for (const Verdict verdict : {Verdict::kHeld, Verdict::kBreached, Verdict::kNotApplicable, Verdict::kNotRun}) {
    const std::size_t count = report.count(verdict);
    if (count == 0 && verdict != Verdict::kHeld && verdict != Verdict::kBreached) continue;
    text += separator + std::to_string(count) + " " + std::string(to_string(verdict));
    separator = ", ";
  }
  return text + "\n";
}

std::string to_json(const Report& report, std::string_view url) {
  namespace bj = boost::json;
  bj::array probes;
  for (const Judgement& judgement : report.judgements) {
    probes.push_back(bj::object{{"name", judgement.probe->name},
                                {"group", title_of(judgement.probe->group)},
                                {"attack", judgement.probe->attack},
                                {"verdict", to_string(judgement.verdict)},
                                {"why", judgement.why}});
  }
  bj::object counts;
  for (const auto& [name, verdict] : {std::pair("held", Verdict::kHeld),
                                      {"breached", Verdict::kBreached},
                                      {"not_applicable", Verdict::kNotApplicable},
                                      {"not_run", Verdict::kNotRun}})
    counts[name] = report.count(verdict);
  counts["url"] = url;
  counts["probes"] = std::move(probes);
  return json::write(bj::object{{"api", std::move(counts)}});
}

std::string list(const std::vector<const Probe*>& probes) {
  std::string text;
  for (const Probe* probe : probes) text += padded(probe->name, kNameWidth) + probe->attack + "\n";
  return text;
}

std::string markdown_list() {
  std::string text;
  for (std::size_t index = 0; index < kGroupCount; ++index) {
    const auto group = static_cast<Group>(index);
    text += "\n### " + std::string(title_of(group)) +
            "\n\n| probe | tries to | expected to be stopped by |\n|---|---|---|\n";
    for (const Probe& probe : all_probes()) {
      if (probe.group == group) text += "| " + probe.name + " | " + probe.attack + " | " + probe.refusal + " |\n";
    }
  }
  return text;
}

int exit_code_of(const Report& report) {
  if (report.count(Verdict::kBreached) != 0) return 1;
  return report.count(Verdict::kNotRun) != 0 || report.count(Verdict::kHeld) == 0 ? kNotRunExitCode : 0;
}

}  // namespace brig::attack::api
