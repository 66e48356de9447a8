#include "runtimes/engine/answers.h"

#include <algorithm>

#include <boost/json/value.hpp>

#include "base/text.h"
#include "json/json.h"
#include "json/reader.h"

namespace brig::runtimes::engine {
namespace {

using json::Reader;

Result<json::Value> parse(std::string_view text) {
  auto value = json::parse(text, {.max_bytes = kAnswerMax, .max_depth = 16, .max_values = json::kManyValues});
  if (!value) return std::move(value).error().context("its answer is no JSON");
  return value;
}

/// Empty if it is absent or null.
Result<std::string> text_or_none(const Reader& object, std::string_view key) {
  const auto at = TRY(object.given(key));
  if (!at) return std::string();
  return printable(TRY(at->text()), kTextMax);
}

/// False if it is absent or null.
Result<bool> flag(const Reader& object, std::string_view key) {
  const auto at = TRY(object.given(key));
  if (!at) return false;
  return at->boolean();
}

bool is_id(std::string_view id) {
  return id.size() == 64 &&
         std::ranges::all_of(id, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Result<std::string> id_at(const Reader& object) {
  const Reader at = TRY(object.at("Id"));
  const std::string_view id = TRY(at.text());
  if (!is_id(id)) return at.error("no id of a container");
  return std::string(id);
}

/// "Docker" unless one of its parts says that it is Podman.
Result<std::string> name_of(const Reader& version) {
  std::string name = "Docker";
  const auto parts = TRY(version.given("Components"));
  if (parts) {
    for (const Reader& part : TRY(parts->items())) {
      if (TRY(text_or_none(part, "Name")).starts_with("Podman")) name = "Podman";
    }
  }
  return name + " " + TRY(text_or_none(version, "Version"));
}

}  // namespace

Result<About> read_about(std::string_view version, std::string_view info) {
  About about;
  const json::Value version_value = TRY(parse(version));
  about.name = TRY(name_of(Reader(version_value)));
  about.is_podman = about.name.starts_with("Podman");
  const json::Value info_value = TRY(parse(info));
  const Reader at(info_value);
  const auto options = TRY(at.given("SecurityOptions"));
  if (options) {
    for (const Reader& option : TRY(options->items())) {
      const std::string_view text = TRY(option.text());
      about.is_rootless = about.is_rootless || text.starts_with("name=rootless");
      about.has_user_namespaces = about.has_user_namespaces || text.starts_with("name=userns");
    }
  }
  about.has_user_namespaces = about.has_user_namespaces || about.is_rootless;
  about.may_limit = TRY(flag(at, "MemoryLimit")) && TRY(flag(at, "PidsLimit")) && TRY(flag(at, "CpuCfsQuota"));
  return about;
}

Result<std::string> read_created(std::string_view text) {
  const json::Value value = TRY(parse(text));
  return id_at(Reader(value));
}

Result<Standing> read_standing(std::string_view text) {
  const json::Value value = TRY(parse(text));
  const Reader state = TRY(Reader(value).at("State"));
  return Standing{.pid = TRY(TRY(state.at("Pid")).integer(0, INT32_MAX)),
                  .is_running = TRY(flag(state, "Running")),
                  .error = TRY(text_or_none(state, "Error"))};
}

Result<std::vector<Listed>> read_list(std::string_view text) {
  const json::Value value = TRY(parse(text));
  const auto items = TRY(Reader(value).items());
  std::vector<Listed> list;
  for (const Reader& item : items) {
    if (list.size() == kContainersMax) break;
    Listed listed{.id = TRY(id_at(item)), .keeper = {}, .is_running = TRY(text_or_none(item, "State")) == "running"};
    const auto labels = TRY(item.given("Labels"));
    if (labels) listed.keeper = TRY(text_or_none(*labels, kKeeperLabel));
    list.push_back(std::move(listed));
  }
  return list;
}

Error error_of(int status, std::string_view body, std::string_view engine) {
  std::string sentence = std::string(engine) + " answered " + std::to_string(status);
  if (const auto value = parse(body); value && value->is_object()) {
    const auto said = text_or_none(Reader(*value), "message");
    if (said && !said->empty()) sentence = std::string(engine) + " says: " + *said;
  }
  switch (status) {
    case 401:
    case 403: return {Code::kDenied, std::move(sentence)};
    case 404: return {Code::kNotFound, std::move(sentence)};
    case 409: return {Code::kConflict, std::move(sentence)};
    case 400:
    case 501: return {Code::kUnsupported, std::move(sentence)};
    default: return {Code::kUnavailable, std::move(sentence)};
  }
}

}  // namespace brig::runtimes::engine
