#include "runtimes/remote/e2b_answers.h"

#include <algorithm>
#include <optional>

#include <boost/json/value.hpp>

#include "json/json.h"
#include "json/reader.h"
#include "runtimes/remote/answers.h"

namespace brig::runtimes::remote {
namespace {

namespace bj = boost::json;
using json::Reader;

constexpr std::size_t kTokenMax = 1024;
constexpr std::size_t kDomainMax = 200;

Result<json::Value> parse(std::string_view text) {
  auto value = json::parse(text, {.max_bytes = kAnswerMax, .max_depth = 8, .max_values = json::kManyValues});
  if (!value) return std::move(value).error().context("its answer is no JSON");
  return value;
}

bool is_visible(char letter) { return letter > ' ' && letter < 0x7f; }

/// A host's name, perhaps with a port; no path, no user, nothing that leads elsewhere.
bool is_domain(std::string_view text) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789-.";
  const std::string_view name = text.substr(0, text.find(':'));
  const std::string_view port = text.substr(std::min(text.size(), name.size() + 1));
  return !name.empty() && text.size() <= kDomainMax && name.find_first_not_of(kLetters) == std::string_view::npos &&
         !name.starts_with('.') && !name.ends_with('.') && name.find("..") == std::string_view::npos &&
         (name.size() == text.size() || !port.empty()) && port.size() <= 5 &&
         port.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

std::string e2b_create_body(const std::string& template_name, std::chrono::seconds timeout) {
  return json::write(bj::object{{"templateID", template_name},
                                {"timeout", timeout.count()},
                                {"secure", true},
                                {"allow_internet_access", false},
                                {"autoPause", false},
                                {"metadata", {{"made-by", "brig"}}}});
}

std::string e2b_timeout_body(std::chrono::seconds timeout) {
  return json::write(bj::object{{"timeout", timeout.count()}});
}

Result<E2bMade> read_e2b_made(std::string_view text) {
  const json::Value value = TRY(parse(text));
  const Reader at(value);
  const Reader id = TRY(at.at("sandboxID"));
  E2bMade made{.id = std::string(TRY(id.text())), .token = {}, .domain = {}};
  if (!is_sandbox_id(made.id)) return id.error("no id of a sandbox");
  if (const auto token = TRY(at.given("envdAccessToken"))) {
    made.token = TRY(token->text());
    if (made.token.size() > kTokenMax || !std::ranges::all_of(made.token, is_visible)) return token->error("no token");
  }
  if (const auto domain = TRY(at.given("domain"))) {
    made.domain = TRY(domain->text());
    if (!made.domain.empty() && !is_domain(made.domain)) return domain->error("no name of a host");
  }
  return made;
}

Result<bool> read_e2b_online(std::string_view text) {
  const json::Value value = TRY(parse(text));
  const auto online = TRY(Reader(value).given("allowInternetAccess"));
  return online ? online->boolean() : Result<bool>(true);
}

Result<std::string> envd_url(const E2bMade& made, std::string_view api_authority) {
  std::string domain = made.domain;
  if (domain.empty() && api_authority.starts_with("api.")) domain = api_authority.substr(4);
  if (!is_domain(domain)) {
    return Error(Code::kInvalidArgument, std::string(api_authority) +
                                             " does not say where its sandboxes are reached: --remote-sandbox-url URL");
  }
  return "https://" + std::string(kEnvdPort) + "-" + made.id + "." + domain;
}

std::string upload_body(std::string_view bytes, std::string_view boundary) {
  std::string body = "--" + std::string(boundary) +
                     "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"brig-init\"\r\n"
                     "Content-Type: application/octet-stream\r\n\r\n";
  return body.append(bytes).append("\r\n--").append(boundary).append("--\r\n");
}

std::vector<std::string> alone_words(const policy::Limits& limits) {
  // A second that has begun counts.
  const auto cpu = std::chrono::ceil<std::chrono::seconds>(limits.cpu_time.value_or(Milliseconds(0)));
  return {std::to_string(limits.pids), std::to_string(limits.open_files), std::to_string(limits.memory.count),
          std::to_string(limits.disk.count), std::to_string(cpu.count())};
}

Result<> expect_askable_of_e2b(const policy::Policy& policy) {
  TRY(expect_askable(policy));
  if (policy.libraries.use.empty()) return {};
  return Error(Code::kUnsupported, "the E2B API knows no libraries: choose a template of that service that has " +
                                       policy.libraries.use.front());
}

std::vector<std::string> e2b_weaknesses(const policy::Policy& policy, const std::string& host) {
  const policy::Limits& limits = policy.limits;
  const std::string instead = "; together they have what the template of " + host + " has";
  return {
      "memory: " + format(limits.memory) + " for each process" + instead,
      "cpus: those of the template of " + host + ", and no limit below",
      "disk: " + format(limits.disk) + " for each file, and no limit of their number" + instead,
      "network: " + host + " is asked for none, and nobody else keeps it",
      "system calls: no filter, no Landlock, no namespaces inside the sandbox of " + host,
      "attestation: said by " + host + ", not seen by this machine; its boundary counts as the weakest",
  };
}

runtime::Attestation e2b_attestation(const policy::Policy& policy, const std::string& host,
                                     const std::string& template_name, const std::string& kernel) {
  runtime::Attestation a;
  a.runtime = "remote";
  a.boundary = policy::Boundary::kSharedKernel;
  a.kernel = kernel;
  a.user_mapping = "1000";
  a.capabilities = "none";
  a.no_new_privs = true;
  a.cgroup.version = "none";
  a.rootfs = {.is_read_only = false, .image = template_name};
  a.network = "none";
  a.remote = {.host = host, .runtime = "e2b", .boundary = "not said"};
  a.weaknesses = e2b_weaknesses(policy, host);
  return a;
}

}  // namespace brig::runtimes::remote
