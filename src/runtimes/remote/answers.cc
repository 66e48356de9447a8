#include "runtimes/remote/answers.h"

#include <algorithm>
#include <array>

#include <boost/json/value.hpp>

#include "base/text.h"
#include "json/json.h"
#include "json/reader.h"
#include "policy/schema.h"

namespace brig::runtimes::remote {
namespace {

namespace bj = boost::json;
using json::Reader;

Result<json::Value> parse(std::string_view text) {
  auto value = json::parse(text, {.max_bytes = kAnswerMax, .max_depth = 8, .max_values = json::kManyValues});
  if (!value) return std::move(value).error().context("its answer is no JSON");
  return value;
}

/// Printable, and not too long to be shown.
Result<std::string> text_at(const Reader& object, std::string_view key) {
  const Reader at = TRY(object.at(key));
  return printable(TRY(at.text()), kTextMax);
}

/// Empty if it is absent or null.
Result<std::string> text_or_none(const Reader& object, std::string_view key) {
  const auto at = TRY(object.given(key));
  if (!at) return std::string();
  return printable(TRY(at->text()), kTextMax);
}

Result<std::vector<std::string>> texts_at(const Reader& object, std::string_view key) {
  const Reader at = TRY(object.at(key));
  const auto items = TRY(at.items());
  if (items.size() > kTextsMax) return at.error("too many");
  std::vector<std::string> texts;
  for (const Reader& item : items) texts.push_back(printable(TRY(item.text()), kTextMax));
  return texts;
}

Result<std::uint64_t> count_at(const Reader& object, std::string_view key) {
  return static_cast<std::uint64_t>(TRY(TRY(object.at(key)).integer(0)));
}

template <class T>
Result<T> small_at(const Reader& object, std::string_view key) {
  return static_cast<T>(TRY(TRY(object.at(key)).integer(0, INT32_MAX)));
}

Result<std::optional<std::uint64_t>> count_or_none(const Reader& object, std::string_view key) {
  const Reader at = TRY(object.at(key));
  if (at.is_null()) return std::optional<std::uint64_t>();
  return std::optional(static_cast<std::uint64_t>(TRY(at.integer(0))));
}

Result<policy::Boundary> boundary_at(const Reader& object) {
  const Reader at = TRY(object.at("boundary"));
  const std::string_view word = TRY(at.text());
  for (const auto one :
       {policy::Boundary::kSharedKernel, policy::Boundary::kUserSpaceKernel, policy::Boundary::kHardware}) {
    if (policy::to_string(one) == word) return one;
  }
  return at.error("no boundary that is known here");
}

bj::object lifetime_json(Milliseconds lifetime) {
  if (lifetime.count() == 0) return {{"persistent", true}};
  return {{"ttl_seconds", static_cast<double>(lifetime.count()) / 1000}};
}

}  // namespace

bool is_sandbox_id(std::string_view text) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789-";
  return !text.empty() && text.size() <= 64 && text.find_first_not_of(kLetters) == std::string_view::npos;
}

Result<> expect_askable(const policy::Policy& policy) {
  if (!policy.mounts.empty()) {
    return Error(Code::kUnsupported, "another machine cannot show " + policy.mounts.front().from.text() +
                                         " of this one inside its sandboxes; write what is needed into the sandbox");
  }
  // What can be asked for; a clause that is not among it must not be lost.
  policy::Policy rest = policy;
  rest.limits = {};
  rest.environment = {};
  rest.libraries = {};
  rest.require = {};
  rest.on_weakness = {};
  rest.runtime = policy::Policy().runtime;  // of this machine's walls
  if (rest != policy::Policy())
    return Error(Code::kUnsupported, "the policy has a clause that cannot be asked for from another machine");
  return {};
}

Result<std::string> create_body(const policy::Policy& policy, Milliseconds lifetime, bool is_dry_run) {
  TRY(expect_askable(policy));
  bj::object limits;
  for (const policy::Field& field : policy::fields()) {
    if (field.is_scalar() && field.section() == "limits")
      limits[field.key()] = policy::format_scalar(field, field.get(policy));
  }
  bj::object body = lifetime_json(lifetime);
  body["policy"] = "default";
  body["limits"] = std::move(limits);
  body["require"] = policy::to_string(policy.require);
  const auto& libraries = policy.libraries.use;
  if (!libraries.empty()) body["libraries"] = bj::array(libraries.begin(), libraries.end());
  body["idle_seconds"] = nullptr;
  body["channel"] = true;
  if (is_dry_run) body["dry_run"] = true;
  return json::write(body);
}

std::string lifetime_body(Milliseconds lifetime) { return json::write(lifetime_json(lifetime)); }

Result<Foreseen> read_foreseen(std::string_view text) {
  const json::Value value = TRY(parse(text));
  const Reader at(value);
  return Foreseen{.weaknesses = TRY(texts_at(at, "weaknesses")), .may_pause = TRY(TRY(at.at("may_pause")).boolean())};
}

Result<std::string> read_created(std::string_view text) {
  const json::Value value = TRY(parse(text));
  const Reader at = TRY(Reader(value).at("id"));
  const std::string_view id = TRY(at.text());
  if (!is_sandbox_id(id)) return at.error("no id of a sandbox");
  return std::string(id);
}

Result<runtime::Attestation> read_attestation(std::string_view text) {
  const json::Value value = TRY(parse(text));
  const Reader at(value);
  runtime::Attestation a;
  a.runtime = TRY(text_at(at, "runtime"));
  a.boundary = TRY(boundary_at(at));
  a.kernel = TRY(text_at(at, "kernel"));
  a.namespaces = TRY(texts_at(at, "namespaces"));
  a.user_mapping = TRY(text_at(at, "user_mapping"));
  a.capabilities = TRY(text_at(at, "capabilities"));
  a.no_new_privs = TRY(TRY(at.at("no_new_privs")).boolean());
  const Reader seccomp = TRY(at.at("seccomp"));
  a.seccomp = {.profile_hash = TRY(text_at(seccomp, "profile_hash")),
               .default_action = TRY(text_at(seccomp, "default_action")),
               .allowed = TRY(small_at<std::uint32_t>(seccomp, "allowed")),
               .filters = TRY(small_at<std::uint32_t>(seccomp, "filters"))};
  const Reader landlock = TRY(at.at("landlock"));
  a.landlock = {.abi = TRY(small_at<int>(landlock, "abi")), .rules = TRY(small_at<std::uint32_t>(landlock, "rules"))};
  a.lsm_label = TRY(text_at(at, "lsm_label"));
  const Reader cgroup = TRY(at.at("cgroup"));
  a.cgroup.version = TRY(text_at(cgroup, "version"));
  a.cgroup.memory_bytes = TRY(count_or_none(cgroup, "memory_bytes"));
  a.cgroup.pids = TRY(count_or_none(cgroup, "pids"));
  const Reader cpu = TRY(cgroup.at("cpu_millis"));
  if (!cpu.is_null()) a.cgroup.cpu_millis = static_cast<std::uint32_t>(TRY(cpu.integer(0, INT32_MAX)));
  const Reader rootfs = TRY(at.at("rootfs"));
  a.rootfs = {
      .is_read_only = TRY(TRY(rootfs.at("read_only")).boolean()), .image = TRY(text_at(rootfs, "image")), .format = {}};
  if (TRY(rootfs.find("format"))) a.rootfs.format = TRY(text_at(rootfs, "format"));  // earlier versions do not say
  a.network = TRY(text_at(at, "network"));
  a.weaknesses = TRY(texts_at(at, "weaknesses"));
  return a;
}

Result<runtime::CellReport> read_figures(std::string_view text) {
  const json::Value value = TRY(parse(text));
  const Reader at(value);
  runtime::CellReport report;
  report.usage.cpu = Milliseconds(TRY(TRY(at.at("cpu_ms")).integer(0)));
  report.usage.wall = Milliseconds(TRY(TRY(at.at("uptime_ms")).integer(0)));
  report.usage.peak_memory = Bytes{TRY(count_at(at, "peak_memory_bytes"))};
  report.memory = Bytes{TRY(count_at(at, "memory_bytes"))};
  report.pids = TRY(count_at(at, "pids"));
  report.memory_kills = TRY(count_at(at, "memory_kills"));
  report.pids_refusals = TRY(count_at(at, "pids_refusals"));
  return report;
}

Result<Standing> read_standing(std::string_view text) {
  const json::Value value = TRY(parse(text));
  const Reader at(value);
  return Standing{.status = TRY(text_at(at, "status")),
                  .end_reason = TRY(text_or_none(at, "end_reason")),
                  .end_detail = TRY(text_or_none(at, "end_detail"))};
}

Error error_of(int status, std::string_view body, std::string_view host) {
  std::string sentence = std::string(host) + " answered " + std::to_string(status);
  if (const auto value = parse(body); value && value->is_object()) {
    for (const char* key : {"error", "message"}) {  // a Brig's, the E2B API's
      const auto said = text_or_none(Reader(*value), key);
      if (said && !said->empty()) sentence = std::string(host) + " says: " + *said;
    }
  }
  switch (status) {
    case 401: return {Code::kDenied, sentence + " (is the key in --remote-key-file one of its keys?)"};
    case 403: return {Code::kDenied, std::move(sentence)};
    case 404: return {Code::kNotFound, std::move(sentence)};
    case 409: return {Code::kConflict, std::move(sentence)};
    case 429: return {Code::kExhausted, std::move(sentence)};
    case 400:
    case 501: return {Code::kUnsupported, std::move(sentence)};
    default: return {Code::kUnavailable, std::move(sentence)};
  }
}

}  // namespace brig::runtimes::remote
