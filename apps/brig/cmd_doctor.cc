/// brig doctor: what this host offers, which walls can be built, what is missing and how to mend it.
#include <unistd.h>

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

/// The proof of the pudding: a sandbox in which `true` runs.
Finding try_wall(runtime::Runtime& runtime, asio::io_context& io) {
  Silence silence;
  service::TaskSpec spec{.id = "doctor-" + std::to_string(::getpid()),
                         .policy = {},
                         .program = service::Command{{"true"}},
                         .input = {},
                         .out = {}};
  const auto report = run(io, service::run_task(runtime, std::move(spec), silence));
  if (!report.has_value())
    return {Finding::State::kMissing, "trial", report.error().message(), "see the findings above"};
  if (runtime::status_of(report->exit) != "ok") {
    return {Finding::State::kMissing, "trial", "`true` ended with " + std::string(runtime::status_of(report->exit)),
            "see the findings above"};
  }
  return {Finding::State::kGood, "trial", "a sandbox was made, ran `true`, and is gone", ""};
}

Result<Wall> examine(const std::string& name) {
  asio::io_context io(1);
  const auto runtime = TRY(make_runtime(name, Use::kOnce));
  Wall wall{.name = name, .probe = runtime->probe(), .trial = {}};
  wall.trial = try_wall(*runtime, io);
  if (wall.trial.state == Finding::State::kMissing) wall.probe.is_available = false;
  return wall;
}

/// The interpreters that the template `host` offers, as a sandbox would find them: in /usr, not in our own PATH.
std::vector<Finding> find_languages() {
  std::vector<Finding> findings;
  for (const service::Language& language : service::languages()) {
    const std::string program(language.interpreter);
    std::string path;
    for (const char* folder : {"/usr/local/bin/", "/usr/bin/", "/bin/"}) {
      if (path.empty() && ::access((folder + program).c_str(), X_OK) == 0) path = folder + program;
    }
    if (!path.empty()) {
      findings.push_back({Finding::State::kGood, std::string(language.name), path, ""});
    } else {
      findings.push_back({Finding::State::kWeak, std::string(language.name), "no " + program + " in /usr",
                          "sudo apt-get install " + std::string(language.package)});
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

std::string for_people(const std::vector<Wall>& walls, const std::vector<Finding>& languages) {
  std::string text;
  for (const Wall& wall : walls) {
    text += "wall " + wall.name + ": " + (wall.probe.is_available ? "works" : "CANNOT BE BUILT HERE") + ", " +
            std::string(to_string(wall.probe.boundary)) + "\n";
    for (const Finding& finding : wall.probe.findings) text += line_of(finding);
    text += line_of(wall.trial);
  }
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

std::string for_programs(const std::vector<Wall>& walls, const std::vector<Finding>& languages, bool is_ready) {
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
  return json::write(boost::json::object{
             {"is_ready", is_ready}, {"walls", std::move(wall_list)}, {"languages", std::move(language_list)}}) +
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
  for (const char* name : {"process"}) {
    auto wall = examine(name);
    if (!wall.has_value()) {
      const Finding finding{Finding::State::kMissing, "helpers", wall.error().message(), ""};
      walls.push_back({.name = name, .probe = {}, .trial = finding});
      continue;
    }
    is_ready = is_ready || wall->probe.is_available;
    walls.push_back(*std::move(wall));
  }
  const auto languages = find_languages();
  const std::string text = is_json ? for_programs(walls, languages, is_ready) : for_people(walls, languages);
  if (!sys::write_all(FdRef(STDOUT_FILENO), text).has_value()) return runtime::kFailedExitCode;
  return is_ready ? 0 : 1;
}

}  // namespace brig::cli
