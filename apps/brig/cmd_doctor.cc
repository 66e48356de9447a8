/// brig doctor: what this host offers, which walls can be built, what is missing and how to mend it.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/json/value.hpp>

#include "async/run.h"
#include "command.h"
#include "json/json.h"
#include "options.h"
#include "runtimes.h"
#include "service/languages.h"
#include "service/run.h"
#include "sys/file.h"

namespace brig::cli {
namespace {

using runtime::Finding;

/// One wall: what its runtime found, and whether a sandbox really came up.
struct Wall {
  std::string name;
  runtime::Probe probe;
  Finding trial;
};

class Silence final : public service::RunObserver {
 public:
  void on_head(guest::Stream /*stream*/, std::span<const std::byte> /*bytes*/) override {}
};

/// What a sandbox of the trial does: `ls` asks for files in a way that gVisor of 2022 does not know.
constexpr const char* kTrial = "ls -l / > /dev/null 2>&1 || exit 9";
constexpr int kNoListing = 9;

/// The proof of the pudding: a sandbox in which something runs.
Finding try_wall(runtime::Runtime& runtime, asio::io_context& io) {
  Silence silence;
  service::TaskSpec spec{.id = "doctor-" + std::to_string(::getpid()),
                         .policy = {},
                         .program = service::Command{{"sh", "-c", kTrial}},
                         .input = {},
                         .out = {}};
  const auto report = run(io, service::run_task(runtime, std::move(spec), silence));
  if (!report.has_value())
    return {Finding::State::kMissing, "trial", report.error().message(), "see the findings above"};
  if (report->exit.cause == runtime::Cause::kExited && report->exit.value == kNoListing) {
    return {Finding::State::kWeak, "trial",
            "a sandbox was made, and `ls` fails in it: its kernel is too old for coreutils",
            "install a newer release of what makes its sandboxes (gvisor: runsc of 2023 or later)"};
  }
  if (runtime::status_of(report->exit) != "ok") {
    return {Finding::State::kMissing, "trial", "the trial ended with " + std::string(runtime::status_of(report->exit)),
            "see the findings above"};
  }
  return {Finding::State::kGood, "trial", "a sandbox was made, ran `ls`, and is gone", ""};
}

/// With a wall of its own: some are made for one sandbox only.
Wall examine(const std::string& name) {
  runtime::Walls walls = make_walls(Use::kOnce);
  Wall wall{.name = name, .probe = walls.probe(name), .trial = {}};
  if (!wall.probe.is_available) {
    wall.trial = {Finding::State::kMissing, "trial", "not tried", "see the findings above"};
    return wall;
  }
  asio::io_context io(1);
  wall.trial = try_wall(**walls.find(name), io);
  if (wall.trial.state == Finding::State::kMissing) wall.probe.is_available = false;
  return wall;
}

/// What a run gets that names no wall.
struct Choices {
  std::string usual;
  std::string strongest;
};

/// "process (the fastest wall that is good enough)"
std::string choice_of(runtime::Walls& walls, std::string_view how) {
  policy::Policy policy;
  policy.runtime = how;
  const auto chosen = walls.choose(policy);
  if (!chosen) return "none: " + chosen.error().message();
  return std::string(chosen->runtime->name()) + " (" + chosen->reason + ")";
}

Choices find_choices() {
  runtime::Walls walls = make_own_walls(Use::kOften);
  return {.usual = choice_of(walls, policy::kFastest), .strongest = choice_of(walls, policy::kStrongest)};
}

/// The interpreters that the template `host` offers, as a sandbox would find them: in /usr, not in our own PATH.
std::vector<Finding> find_languages() {
  std::vector<Finding> findings;
  for (const service::Language& language : service::languages()) {
    if (language.is_for_cells_only) continue;
    const std::string program(language.interpreter);
    std::string path;
    for (const char* folder : {"/usr/local/bin/", "/usr/bin/", "/bin/"}) {
      if (path.empty() && ::access((folder + program).c_str(), X_OK) == 0) path = folder + program;
    }
    if (path.empty() && language.name == "r") continue;  // few want it: where it is not, nothing is missing
    if (!path.empty()) {
      findings.push_back({Finding::State::kGood, std::string(language.name), path, ""});
    } else {
      findings.push_back(
          {Finding::State::kWeak, std::string(language.name), "no " + program + " in /usr",
           (::geteuid() == 0 ? "apt-get install " : "sudo apt-get install ") + std::string(language.package)});
    }
  }
  return findings;
}

std::string_view mark_of(Finding::State state) {
  switch (state) {
    case Finding::State::kGood: return "good";
    case Finding::State::kWeak: return "weak";
    case Finding::State::kMissing: return "MISSING";
  }
  return "MISSING";
}

std::string line_of(const Finding& finding) {
  const std::string mark(mark_of(finding.state));
  std::string text = "  " + mark + std::string(9 - mark.size(), ' ') + finding.what;
  text += std::string(finding.what.size() < 20 ? 20 - finding.what.size() : 1, ' ') + finding.why + "\n";
  if (!finding.mend.empty()) text += std::string(31, ' ') + "mend: " + finding.mend + "\n";
  return text;
}

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(width, text.size() + 1), ' ');
  return text;
}

/// What each wall lacks, by name; the words stand below the table.
std::string lacks(const Wall& wall) {
  std::string text;
  const auto add = [&text](const Finding& finding) {
    if (finding.state != Finding::State::kGood) text += (text.empty() ? "" : ", ") + finding.what;
  };
  for (const Finding& finding : wall.probe.findings) add(finding);
  add(wall.trial);
  return text.empty() ? "nothing" : text;
}

std::string table_of(const std::vector<Wall>& walls) {
  std::string text = padded("WALL", 12) + padded("WORKS", 7) + padded("BOUNDARY", 20) + "LACKS\n";
  for (const Wall& wall : walls) {
    text += padded(wall.name, 12) + padded(wall.probe.is_available ? "yes" : "NO", 7) +
            padded(std::string(to_string(wall.probe.boundary)), 20) + lacks(wall) + "\n";
  }
  return text + "\n";
}

std::string for_people(const std::vector<Wall>& walls, const Choices& choices, const std::vector<Finding>& languages) {
  std::string text = table_of(walls);
  for (const Wall& wall : walls) {
    text += "wall " + wall.name + ": " + (wall.probe.is_available ? "works" : "CANNOT BE BUILT HERE") + ", " +
            std::string(to_string(wall.probe.boundary)) + "\n";
    for (const Finding& finding : wall.probe.findings) text += line_of(finding);
    text += line_of(wall.trial);
  }
  text += "without --runtime: " + choices.usual + "\n--runtime auto: " + choices.strongest + "\n";
  text += "template host\n";
  for (const Finding& finding : languages) text += line_of(finding);
  return text;
}

boost::json::object to_json(const Finding& finding) {
  return {{"what", finding.what},
          {"state", finding.state == Finding::State::kMissing ? "missing" : mark_of(finding.state)},
          {"why", finding.why},
          {"mend", finding.mend}};
}

std::string for_programs(const std::vector<Wall>& walls, const Choices& choices, const std::vector<Finding>& languages,
                         bool is_ready) {
  boost::json::array wall_list;
  for (const Wall& wall : walls) {
    boost::json::array findings;
    for (const Finding& finding : wall.probe.findings) findings.push_back(to_json(finding));
    findings.push_back(to_json(wall.trial));
    wall_list.push_back(boost::json::object{{"runtime", wall.name},
                                            {"is_available", wall.probe.is_available},
                                            {"boundary", to_string(wall.probe.boundary)},
                                            {"findings", std::move(findings)}});
  }
  boost::json::array language_list;
  for (const Finding& finding : languages) language_list.push_back(to_json(finding));
  return json::write(boost::json::object{{"is_ready", is_ready},
                                         {"walls", std::move(wall_list)},
                                         {"choices", {{"fastest", choices.usual}, {"auto", choices.strongest}}},
                                         {"languages", std::move(language_list)}}) +
         "\n";
}

}  // namespace

int cmd_doctor(const Arguments& arguments) {
  bool is_json = false;
  Options options("doctor [--json]",
                  "Says what this host offers, what is missing, and the command that mends it.\n"
                  "Exit code: 0 if brig run works here, 1 if not.");
  options.flag("--json", is_json, "Print one JSON object");
  if (const auto code = options.parse(arguments)) return *code;

  std::vector<Wall> walls;
  bool is_ready = false;
  const std::vector<std::string> own = make_own_walls(Use::kOnce).names();
  for (const std::string& name : make_walls(Use::kOnce).names()) {
    if (name == "remote") continue;  // where the other Brig is, nobody has said
    walls.push_back(examine(name));
    const bool is_own = std::ranges::find(own, name) != own.end();
    is_ready = is_ready || (is_own && walls.back().probe.is_available);
  }
  const auto languages = find_languages();
  const Choices choices = find_choices();
  const std::string text =
      is_json ? for_programs(walls, choices, languages, is_ready) : for_people(walls, choices, languages);
  if (!sys::write_all(FdRef(STDOUT_FILENO), text).has_value()) return runtime::kFailedExitCode;
  return is_ready ? 0 : 1;
}

}  // namespace brig::cli
