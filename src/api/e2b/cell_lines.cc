#include "api/e2b/cell_lines.h"

#include <array>
#include <utility>

#include <boost/json/value.hpp>

#include "json/json.h"
#include "json/reader.h"
#include "json/separators.h"
#include "json/utf8.h"
#include "policy/validate.h"
#include "service/records.h"

namespace brig::api::e2b {
namespace {

namespace bj = boost::json;

/// Held back at most.
constexpr std::size_t kHeldMost = std::size_t{64} << 10;
/// Of the JSON forms of a result.
constexpr std::size_t kFormDepth = 64;
constexpr std::size_t kLanguageMost = 64;

constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kKeys = {{
    {"text/plain", "text"},
    {"text/html", "html"},
    {"text/markdown", "markdown"},
    {"image/svg+xml", "svg"},
    {"image/png", "png"},
    {"image/jpeg", "jpeg"},
    {"application/pdf", "pdf"},
    {"text/latex", "latex"},
    {"application/json", "json"},
    {"application/javascript", "javascript"},
    {"e2b/data", "data"},
    {"e2b/chart", "chart"},
}};

std::string_view key_of(std::string_view mime) {
  for (const auto& [type, key] : kKeys) {
    if (type == mime) return key;
  }
  return {};
}

void append_unit(std::string& to, std::uint32_t unit) {
  constexpr std::string_view kHex = "0123456789abcdef";
  to += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) to += kHex[(unit >> static_cast<unsigned>(shift)) & 15U];
}

/// The same JSON text without a character beyond ASCII. `text` is valid UTF-8.
std::string ascii(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x80) {
      result += text[at++];
      continue;
    }
    const std::size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    std::uint32_t point = byte & (0xffU >> (length + 1));
    for (std::size_t i = 1; i < length && at + i < text.size(); ++i)
      point = point << 6U | (static_cast<unsigned char>(text[at + i]) & 0x3fU);
    at += length;
    if (point < 0x10000) {
      append_unit(result, point);
    } else {
      append_unit(result, 0xd800 + ((point - 0x10000) >> 10U));
      append_unit(result, 0xdc00 + ((point - 0x10000) & 0x3ffU));
    }
  }
  return result;
}

std::string line(const bj::object& object) { return ascii(json::write(object)) + "\n"; }

/// The service writes the offset of UTC where we write Z.
std::string timestamp(WallTime now) {
  std::string text = format(now);
  text.pop_back();
  return text + "+00:00";
}

std::string output_line(bool is_out, std::string text, WallTime now) {
  return line({{"type", is_out ? "stdout" : "stderr"}, {"text", std::move(text)}, {"timestamp", timestamp(now)}});
}

/// A form that is JSON, as its value; as the text that it is if it is none, or has more values than are left to its
/// cell.
bj::value json_form(const std::string& form, std::size_t& values_left) {
  const std::size_t separators = json::count_separators(form, values_left);
  if (separators > values_left) return bj::value(form);
  values_left -= separators;
  auto value = json::parse(form, {.max_bytes = service::kResultLineMax, .max_depth = kFormDepth});
  return value ? *std::move(value) : bj::value(form);
}

std::string_view without_quotes(std::string_view text) {
  const bool is_quoted =
      text.size() > 1 && text.front() == text.back() && (text.front() == '\'' || text.front() == '"');
  return is_quoted ? text.substr(1, text.size() - 2) : text;
}

std::string result_line(const service::RichResult& result, bool is_main, std::size_t& values_left) {
  bj::object object{{"type", "result"}};
  bj::object extra;
  for (const auto& [mime, form] : result.forms) {
    const std::string_view key = key_of(mime);
    if (key == "text") object[key] = without_quotes(form);
    else if (key == "json" || key == "data" || key == "chart") object[key] = json_form(form, values_left);
    else if (!key.empty()) object[key] = form;
    else extra[mime] = mime.ends_with("json") ? json_form(form, values_left) : bj::value(form);
  }
  object["is_main_result"] = is_main;
  object["extra"] = std::move(extra);
  return line(object);
}

std::string error_line(std::string_view name, std::string_view value, std::string_view traceback) {
  return line({{"type", "error"}, {"name", name}, {"value", value}, {"traceback", traceback}});
}

std::string error_line(const service::ProgramError& error) {
  // What the service calls an interpreter that is gone.
  const bool is_gone = error.name == "KernelDied" || error.name == "ContextClosed" || error.name == "SandboxEnded";
  return error_line(is_gone ? "UnexpectedEndOfExecution" : error.name, error.value, error.traceback);
}

Result<std::string> text_at(const json::Reader& at, std::string_view key) {
  const auto found = TRY(at.given(key));
  return found ? std::string(TRY(found->text())) : std::string();
}

std::string normalised(std::string_view language) {
  while (!language.empty() && (language.front() == ' ' || language.front() == '\t')) language.remove_prefix(1);
  while (!language.empty() && (language.back() == ' ' || language.back() == '\t')) language.remove_suffix(1);
  std::string name(language.substr(0, kLanguageMost));
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (name == "js") return "javascript";
  if (name == "ts") return "typescript";
  return name;
}

}  // namespace

Result<Execution> read_execution(std::string_view body) {
  const json::Value value = TRY(json::parse(body, {.max_bytes = 2 * service::kCellMax}));
  const json::Reader at(value);
  Execution execution{.cell = {.code = std::string(TRY(TRY(at.at("code")).text()))}};
  TRY(service::check_cell(execution.cell));
  execution.context_id = TRY(text_at(at, "context_id"));
  execution.language = normalised(TRY(text_at(at, "language")));
  const auto environment = TRY(at.given("env_vars"));
  if (!environment) return execution;
  for (const auto& [name, text] : TRY(environment->entries())) {
    policy::Variable variable{std::string(name), std::string(TRY(text.text()))};
    if (auto good = policy::check_variable(variable); !good) return environment->error(good.error().message());
    execution.cell.environment.push_back(std::move(variable));
  }
  return execution;
}

Result<NewContext> read_new_context(std::string_view body) {
  const json::Value value = TRY(json::parse(body.empty() ? "{}" : body));
  const json::Reader at(value);
  NewContext context;
  if (std::string language = normalised(TRY(text_at(at, "language"))); !language.empty())
    context.language = std::move(language);
  context.cwd = TRY(text_at(at, "cwd"));
  return context;
}

std::string keepalive_line() { return line({{"type", "keepalive"}}); }

void CellLines::hold(Kind kind, std::string text) {
  std::string& cut = kind == Kind::kOut ? cut_out_ : cut_err_;
  text.insert(0, std::exchange(cut, {}));
  const std::size_t whole = json::whole_characters(text);
  cut = text.substr(whole);
  text.resize(whole);
  if (held_.empty()) held_ = std::move(text);
  else held_ += text;
  held_kind_ = kind;
}

std::string CellLines::flush(WallTime now) {
  if (held_.empty()) return {};
  return output_line(held_kind_ == Kind::kOut, std::exchange(held_, {}), now);
}

std::string CellLines::take(sandboxes::CellEvent event, std::int64_t count, WallTime now) {
  std::string lines;
  if (count > 0 && !std::exchange(has_counted_, true))
    lines = line({{"type", "number_of_executions"}, {"execution_count", count}});
  switch (event.kind) {
    case Kind::kOut:
    case Kind::kErr:
      if (held_kind_ != event.kind) lines += flush(now);
      hold(event.kind, std::move(event.text));
      return held_.size() >= kHeldMost ? lines + flush(now) : lines;
    case Kind::kResult: return lines + flush(now) + result_line(event.result, event.is_main, values_left_);
    case Kind::kError: has_failed_ = true; return lines + flush(now) + error_line(event.error);
    case Kind::kEnd: break;
  }
  lines += flush(now);
  if (event.end.status == "exit" && !has_failed_)
    lines += error_line("SystemExit", std::to_string(event.end.exit_code.value_or(0)), "");
  return lines + line({{"type", "end_of_execution"}});
}

}  // namespace brig::api::e2b
