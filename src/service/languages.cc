#include "service/languages.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "service/driver_files.h"

namespace brig::service {
namespace {

constexpr std::string_view kWorkspace = "/workspace/";
constexpr std::string_view kOwnFolder = "/tmp/.brig/";

constexpr std::array<std::string_view, 3> kPythonNames = {"py", "python3", "py3"};
constexpr std::array<std::string_view, 2> kPythonFiles = {".py", ".pyw"};
constexpr std::array<std::string_view, 3> kNodeNames = {"js", "node", "nodejs"};
constexpr std::array<std::string_view, 3> kNodeFiles = {".js", ".mjs", ".cjs"};
constexpr std::array<std::string_view, 1> kTypeScriptNames = {"ts"};
constexpr std::array<std::string_view, 3> kTypeScriptFiles = {".ts", ".mts", ".cts"};
constexpr std::array<std::string_view, 1> kJavaNames = {"jshell"};
constexpr std::array<std::string_view, 1> kJavaFiles = {".java"};
constexpr std::array<std::string_view, 1> kRNames = {"rscript"};
constexpr std::array<std::string_view, 1> kRFiles = {".r"};
constexpr std::array<std::string_view, 2> kShellNames = {"sh", "shell"};
constexpr std::array<std::string_view, 2> kShellFiles = {".sh", ".bash"};

constexpr std::array<Language, 6> kLanguages = {{
    {"python", "python3", ".py", "python3", true, kPythonNames, kPythonFiles},
    {"javascript", "node", ".js", "nodejs", false, kNodeNames, kNodeFiles},
    {"bash", "bash", ".sh", "bash", false, kShellNames, kShellFiles},
    {"typescript", "node", ".ts", "nodejs", false, kTypeScriptNames, kTypeScriptFiles, true},
    {"java", "java", ".java", "default-jdk-headless", false, kJavaNames, kJavaFiles, true},
    {"r", "Rscript", ".R", "r-base-core", false, kRNames, kRFiles},
}};

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

bool has(std::span<const std::string_view> list, std::string_view word) {
  return std::ranges::find(list, word) != list.end();
}

}  // namespace

std::span<const Language> languages() { return kLanguages; }

Result<const Language*> find_language(std::string_view name) {
  const std::string wanted = lower(name);
  std::vector<std::string_view> known;
  std::string list;
  for (const Language& language : kLanguages) {
    if (language.name == wanted || has(language.aliases, wanted)) return &language;
    known.push_back(language.name);
    known.insert(known.end(), language.aliases.begin(), language.aliases.end());
    list += (list.empty() ? "" : ", ") + std::string(language.name);
  }
  return Error(Code::kInvalidArgument, "unknown language \"" + printable(name, 40) + "\"" +
                                           did_you_mean(wanted, known) + ": Brig knows " + list);
}

const Language* language_of_file(std::string_view file_name) {
  const std::size_t dot = file_name.rfind('.');
  if (dot == std::string_view::npos) return nullptr;
  const std::string extension = lower(file_name.substr(dot));
  for (const Language& language : kLanguages) {
    if (has(language.extensions, extension)) return &language;
  }
  return nullptr;
}

Result<Launch> launch_of(const Script& script) {
  const Language& language = *script.language;
  if (language.is_for_cells_only) {
    return Error(Code::kUnsupported,
                 std::string(language.name) +
                     " runs in contexts only (run_code, or POST /v1/sandboxes/{id}/contexts): for a program, run its "
                     "compiler or interpreter after --");
  }
  if (script.text.size() > kSourceMax) {
    return Error(Code::kInvalidArgument,
                 "the program is " + std::to_string(script.text.size() >> 20) +
                     " MB of source, and Brig takes at most 16 MB: give data with --in instead");
  }
  if (!is_utf8(script.text)) {
    return Error(Code::kInvalidArgument,
                 "the program is not UTF-8 text, so it is no " + std::string(language.name) +
                     " source: convert it (iconv -t UTF-8), or run a binary with --in FILE and after --");
  }
  const bool is_file = script.origin == Origin::kFile;
  const std::string place = is_file ? std::string(kWorkspace) + script.name
                                    : std::string(kOwnFolder) + "main" + std::string(language.extension);
  auto program = script.mounted ? *script.mounted : TRY(GuestPath::parse(place).context("the program's file name"));
  if (is_file && !script.mounted && program.name() != script.name)
    return Error(Code::kInvalidArgument, "the program has no usable file name");

  Launch launch;
  launch.argv.emplace_back(language.interpreter);
  if (language.has_driver) {
    auto driver = TRY(GuestPath::parse(std::string(kOwnFolder) + "driver.py"));
    auto rich = TRY(GuestPath::parse(std::string(kOwnFolder) + "rich.py"));
    launch.argv.push_back(driver.text());
    launch.argv.push_back(std::string(script.is_shown ? "shown-" : "") + (is_file ? "file" : "code"));
    launch.files.push_back({std::move(driver), kPythonDriver});
    launch.files.push_back({std::move(rich), kPythonRich});
  }
  launch.argv.push_back(program.text());
  launch.argv.insert(launch.argv.end(), script.arguments.begin(), script.arguments.end());
  if (!script.mounted) launch.files.push_back({std::move(program), script.text});
  return launch;
}

std::string missing_interpreter(const Language& language) {
  return "no " + std::string(language.interpreter) +
         " in the template's PATH (/usr/local/bin:/usr/bin:/bin): install " + std::string(language.package) +
         " (apt-get install " + std::string(language.package) + ") or use another template";
}

}  // namespace brig::service
