#include "api/mcp/tools.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/base64.h"
#include "base/text.h"
#include "json/reader.h"
#include "service/kernel.h"
#include "service/languages.h"

namespace brig::api::mcp {
namespace {

namespace bj = boost::json;
using json::Reader;

constexpr std::string_view kSandboxId =
    "A sandbox that create_sandbox or an earlier result named. Left out: this conversation's own.";
constexpr std::string_view kPathIs = "Absolute, or relative to the working folder";

constexpr std::size_t kNameMax = 128;
constexpr std::size_t kPathMax = 4096;
constexpr std::int64_t kTtlMost = 31'536'000;  ///< seconds: a year

struct Named {
  std::string_view name;
  Tool tool;
};
constexpr std::array kTools{
    Named{"run_code", Tool::kRunCode},
    Named{"run_command", Tool::kRunCommand},
    Named{"read_file", Tool::kReadFile},
    Named{"write_file", Tool::kWriteFile},
    Named{"list_files", Tool::kListFiles},
    Named{"create_sandbox", Tool::kCreateSandbox},
    Named{"list_sandboxes", Tool::kListSandboxes},
    Named{"kill_sandbox", Tool::kKillSandbox},
};

bj::object text_of(std::string_view description) {
  return {{"type", "string"}, {"description", std::string(description)}};
}

/// Seconds: less is no time that could be kept.
constexpr double kLeast = 0.001;
/// As policy/schema.cc has it.
constexpr double kProcessorsLeast = 0.05;

bj::object number_of(std::string_view description, double least, std::int64_t most) {
  return {{"type", "number"}, {"description", std::string(description)}, {"minimum", least}, {"maximum", most}};
}

bj::object integer_of(std::string_view description, std::int64_t least, std::int64_t most) {
  return {{"type", "integer"}, {"description", std::string(description)}, {"minimum", least}, {"maximum", most}};
}

/// What a client may know before it asks its user: whether a tool only looks, and whether it destroys.
enum class Effect : std::uint8_t { kReads, kAdds, kDestroys };

bj::object tool(std::string_view name, std::string_view title, std::string description, bj::object properties,
                bj::array required, Effect effect) {
  bj::object schema{{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = std::move(required);
  return {{"name", std::string(name)},
          {"title", std::string(title)},
          {"description", std::move(description)},
          {"inputSchema", std::move(schema)},
          {"annotations", bj::object{{"title", std::string(title)},
                                     {"readOnlyHint", effect == Effect::kReads},
                                     {"destructiveHint", effect == Effect::kDestroys},
                                     {"openWorldHint", false}}}};
}

bj::array languages_with_contexts() {
  bj::array names;
  for (const service::Language& language : service::languages())
    if (service::kernel_of(language, mebibytes(256))) names.emplace_back(language.name);
  return names;
}

bj::object run_code(std::string_view prompt) {
  bj::object language = text_of(
      "The language of the code; python if left out. Sure to start are those that the description of the sandbox "
      "lists; the others need more (typescript node 22.13, or the package typescript or esbuild; java a JDK; r R), and "
      "where that is missing the answer says so");
  language["enum"] = languages_with_contexts();
  std::string description =
      "Runs code in a sealed sandbox and returns what it prints, the value of its last expression, errors, and "
      "plots as pictures. Variables, imports and files stay from call to call, as in a notebook; each language has "
      "its own variables. Code that fails changes nothing but what it had done until then: mend it and run it "
      "again.\n\n" +
      std::string(prompt);
  return tool("run_code", "Run code", std::move(description),
              {{"code", text_of("The source text")},
               {"language", std::move(language)},
               {"timeout_seconds",
                number_of("Interrupt it after this time, keeping variables; the sandbox's own limit if left out",
                          kLeast, kTimeoutMost)},
               {"sandbox_id", text_of(kSandboxId)}},
              {"code"}, Effect::kAdds);
}

bj::object run_command() {
  return tool(
      "run_command", "Run a shell command",
      "Runs one line with /bin/sh in the sandbox and returns its output and exit code. It sees the same files as "
      "run_code, but no variables of it. There is no network and nobody who types: do not install, download or "
      "ask for input. What it leaves running in the background goes on until the sandbox ends.",
      {{"command", text_of("The line, e.g. \"grep -rn TODO src | head\"")},
       {"cwd", text_of("Where it runs; the working folder if left out")},
       {"timeout_seconds", number_of("Kill it after this time", kLeast, kTimeoutMost)},
       {"sandbox_id", text_of(kSandboxId)}},
      {"command"}, Effect::kAdds);
}

bj::object read_file() {
  return tool(
      "read_file", "Read a file",
      "Returns a text file of the sandbox, or a picture to look at (PNG, JPEG, GIF, WebP). Long files come in "
      "pieces: the answer says where to go on. For data, summaries with run_code tell more than the file itself.",
      {{"path", text_of(kPathIs)},
       {"offset", integer_of("Begin at this byte", 0, INT64_MAX / 2)},
       {"max_bytes", integer_of("At most so many bytes", 1, static_cast<std::int64_t>(kReadMost))},
       {"sandbox_id", text_of(kSandboxId)}},
      {"path"}, Effect::kReads);
}

bj::object write_file() {
  bj::object encoding = text_of("How content is written down; utf-8 if left out");
  encoding["enum"] = bj::array{"utf-8", "base64"};
  return tool(
      "write_file", "Write a file",
      "Makes or replaces a file of the sandbox, with the folders above it. The way to bring data in: there is no "
      "network.",
      {{"path", text_of(kPathIs)},
       {"content", text_of("All of the file")},
       {"encoding", std::move(encoding)},
       {"sandbox_id", text_of(kSandboxId)}},
      {"path", "content"}, Effect::kDestroys);
}

bj::object list_files() {
  return tool("list_files", "List a folder", "Lists the files of one folder of the sandbox, with kind and size.",
              {{"path", text_of(std::string(kPathIs) + "; the working folder if left out")},
               {"sandbox_id", text_of(kSandboxId)}},
              {}, Effect::kReads);
}

bj::object create_sandbox() {
  return tool("create_sandbox", "Make a sandbox",
              "Makes another sandbox and returns its sandbox_id, with what it has. Only needed for work that must stay "
              "apart, or for another template or more memory: the other tools make one by themselves. It is empty, and "
              "ends by itself when it is not used for a while.",
              {{"template", text_of("What it is made from; \"host\" if left out")},
               {"memory_mb", integer_of("Memory, with the files it writes", 16, std::int64_t{1} << 24)},
               {"cpus", number_of("Processors", kProcessorsLeast, 1024)},
               {"timeout_seconds", number_of("The time limit of one run that names none", kLeast, kTimeoutMost)},
               {"ttl_seconds", number_of("It ends after this time, whatever happens", 1, kTtlMost)}},
              {}, Effect::kAdds);
}

bj::object list_sandboxes() {
  return tool("list_sandboxes", "List sandboxes", "Lists the sandboxes that live and belong to the same key.", {}, {},
              Effect::kReads);
}

bj::object kill_sandbox() {
  return tool(
      "kill_sandbox", "End a sandbox",
      "Ends a sandbox now and destroys everything in it. Nothing can be brought back: read what is needed first.",
      {{"sandbox_id", text_of(kSandboxId)}}, {}, Effect::kDestroys);
}

Result<std::string> text(const Reader& at, std::string_view key, std::size_t most = SIZE_MAX) {
  const auto found = TRY(at.given(key));
  if (!found) return std::string();
  const std::string_view text = TRY(found->text());
  if (text.size() > most) return found->error("at most " + std::to_string(most) + " bytes");
  if (most <= kPathMax && text.find('\0') != std::string_view::npos) return found->error("no NUL may be in it");
  return std::string(text);
}

Result<std::optional<Milliseconds>> seconds(const Reader& at, std::string_view key, std::int64_t most = kTimeoutMost) {
  const auto found = TRY(at.given(key));
  if (!found) return std::optional<Milliseconds>();
  const double value = TRY(found->number());
  if (!(value >= kLeast && value <= static_cast<double>(most)))
    return found->error("seconds from 0.001 to " + std::to_string(most) + " are expected");
  return std::optional(Milliseconds(std::max<std::int64_t>(1, std::llround(value * 1000))));
}

Result<std::uint64_t> count(const Reader& at, std::string_view key, std::int64_t least, std::int64_t most,
                            std::uint64_t otherwise) {
  const auto found = TRY(at.given(key));
  if (!found) return otherwise;
  return static_cast<std::uint64_t>(TRY(found->integer(least, most)));
}

/// A text that must be there and say something.
Result<std::string> needed(const Reader& at, std::string_view key, std::size_t most = SIZE_MAX) {
  TRY(at.at(key));
  std::string value = TRY(text(at, key, most));
  if (value.empty()) return Error(Code::kInvalidArgument, at.path() + "." + std::string(key) + ": may not be empty");
  return value;
}

Result<std::string> file_content(const Reader& at) {
  const std::string encoding = TRY(text(at, "encoding", kNameMax));
  const std::string_view given = TRY(TRY(at.at("content")).text());
  if (encoding.empty() || encoding == "utf-8") return std::string(given);
  if (encoding != "base64")
    return Error(Code::kInvalidArgument, at.path() + ".encoding: \"utf-8\" or \"base64\" is expected");
  auto bytes = from_base64(given);
  if (!bytes) return Error(Code::kInvalidArgument, at.path() + ".content: base64 is expected");
  return *std::move(bytes);
}

Result<NewSandbox> new_sandbox(const Reader& at) {
  NewSandbox wanted;
  wanted.template_name = TRY(text(at, "template", kNameMax));
  if (const auto memory = TRY(at.given("memory_mb")))
    wanted.memory = mebibytes(static_cast<std::uint64_t>(TRY(memory->integer(16, std::int64_t{1} << 24))));
  if (const auto cpus = TRY(at.given("cpus"))) wanted.cpus = TRY(cpus->number());
  wanted.timeout = TRY(seconds(at, "timeout_seconds"));
  wanted.ttl = TRY(seconds(at, "ttl_seconds", kTtlMost));
  return wanted;
}

Result<> expect_known(Tool tool, const Reader& at) {
  using Names = std::span<const std::string_view>;
  static constexpr std::array<std::string_view, 4> kCode{"code", "language", "timeout_seconds", "sandbox_id"};
  static constexpr std::array<std::string_view, 4> kCommand{"command", "cwd", "timeout_seconds", "sandbox_id"};
  static constexpr std::array<std::string_view, 4> kRead{"path", "offset", "max_bytes", "sandbox_id"};
  static constexpr std::array<std::string_view, 4> kWrite{"path", "content", "encoding", "sandbox_id"};
  static constexpr std::array<std::string_view, 2> kFolder{"path", "sandbox_id"};
  static constexpr std::array<std::string_view, 5> kCreate{"template", "memory_mb", "cpus", "timeout_seconds",
                                                           "ttl_seconds"};
  static constexpr std::array<std::string_view, 1> kKill{"sandbox_id"};
  switch (tool) {
    case Tool::kRunCode: return at.only(Names(kCode));
    case Tool::kRunCommand: return at.only(Names(kCommand));
    case Tool::kReadFile: return at.only(Names(kRead));
    case Tool::kWriteFile: return at.only(Names(kWrite));
    case Tool::kListFiles: return at.only(Names(kFolder));
    case Tool::kCreateSandbox: return at.only(Names(kCreate));
    case Tool::kListSandboxes: return at.only(Names());
    case Tool::kKillSandbox: return at.only(Names(kKill));
  }
  return {};
}

}  // namespace

std::optional<Tool> find_tool(std::string_view name) {
  const auto* found = std::ranges::find(kTools, name, &Named::name);
  return found == kTools.end() ? std::nullopt : std::optional(found->tool);
}

bj::array describe_tools(std::string_view prompt) {
  return {run_code(prompt), run_command(),    read_file(),      write_file(),
          list_files(),     create_sandbox(), list_sandboxes(), kill_sandbox()};
}

std::string_view instructions() {
  return "Brig runs code in sealed, throw-away sandboxes: no network, no secrets, limits on time, memory and output. "
         "Use run_code for computations, data and plots, run_command for programs, write_file to bring data in. "
         "Without a sandbox_id the tools use this conversation's own sandbox, made at the first use. Where a result "
         "names a sandbox_id, pass it on to go on in the same sandbox.";
}

Result<Arguments> read_arguments(Tool tool, const bj::value& given) {
  const Reader at(given, "arguments");
  TRY(expect_known(tool, at));
  Arguments all;
  all.sandbox_id = TRY(text(at, "sandbox_id", kNameMax));
  switch (tool) {
    case Tool::kRunCode:
      all.code = TRY(needed(at, "code"));
      if (const std::string language = TRY(text(at, "language", kNameMax)); !language.empty()) all.language = language;
      all.timeout = TRY(seconds(at, "timeout_seconds"));
      break;
    case Tool::kRunCommand:
      all.command = TRY(needed(at, "command"));
      all.cwd = TRY(text(at, "cwd", kPathMax));
      all.timeout = TRY(seconds(at, "timeout_seconds"));
      break;
    case Tool::kReadFile:
      all.path = TRY(needed(at, "path", kPathMax));
      all.offset = TRY(count(at, "offset", 0, INT64_MAX / 2, 0));
      all.max_bytes = TRY(count(at, "max_bytes", 1, static_cast<std::int64_t>(kReadMost), kReadDefault));
      break;
    case Tool::kWriteFile:
      all.path = TRY(needed(at, "path", kPathMax));
      all.content = TRY(file_content(at));
      break;
    case Tool::kListFiles: all.path = TRY(text(at, "path", kPathMax)); break;
    case Tool::kCreateSandbox: all.new_sandbox = TRY(new_sandbox(at)); break;
    case Tool::kListSandboxes:
    case Tool::kKillSandbox: break;
  }
  return all;
}

}  // namespace brig::api::mcp
