#include "api/e2b/read.h"

#include <boost/json/value.hpp>

#include "api/common/body.h"
#include "base/text.h"
#include "json/json.h"
#include "json/reader.h"

namespace brig::api::e2b {
namespace {

using json::Reader;

constexpr std::int64_t kSecondsMost = std::int64_t{10} * 365 * 24 * 3600;
constexpr std::size_t kListMost = 256;
constexpr std::size_t kHostMost = 255;

Result<bool> flag(const Reader& object, std::string_view key, bool usual) {
  const auto found = TRY(object.given(key));
  return found ? found->boolean() : Result<bool>(usual);
}

bool is_empty(const Reader& at) {
  return (at.value().is_object() && at.value().as_object().empty()) ||
         (at.value().is_array() && at.value().as_array().empty());
}

/// A part of the request that cannot be had, unless it is empty.
Result<> expect_none(const Reader& object, std::string_view key, std::string_view why) {
  const auto found = TRY(object.given(key));
  if (!found || is_empty(*found)) return {};
  return found->error(why);
}

constexpr std::string_view kNoEgress =
    "sandboxes here have no network, so nothing can be allowed out of one; leave it away, or deny everything";

Result<std::vector<std::string>> texts(const Reader& at) {
  std::vector<std::string> texts;
  for (const Reader& item : TRY(at.items())) {
    const std::string_view text = TRY(item.text());
    if (text.size() > kHostMost) return item.error("longer than an address or a host name");
    texts.emplace_back(printable(text, kHostMost));
  }
  if (texts.size() > kListMost) return at.error("at most " + std::to_string(kListMost) + " are expected");
  return texts;
}

/// What of a network's description is about ways out.
Result<> read_egress(const Reader& at, Network& network) {
  TRY(expect_none(at, "allowOut", kNoEgress));
  TRY(expect_none(at, "rules", kNoEgress));
  TRY(expect_none(at, "egressProxy", kNoEgress));
  if (const auto deny = TRY(at.given("denyOut"))) network.deny_out = TRY(texts(*deny));
  return {};
}

Result<Network> read_network(const Reader& at) {
  Network network;
  TRY(read_egress(at, network));
  network.is_public = TRY(flag(at, "allowPublicTraffic", true));
  TRY(expect_none(at, "httpsPorts", "servers inside are spoken to without TLS"));
  if (const auto mask = TRY(at.given("maskRequestHost"))) {
    network.mask_host = std::string(TRY(mask->text()));
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:${}[]";
    if (network.mask_host.size() > kHostMost || network.mask_host.find_first_not_of(kLetters) != std::string::npos)
      return mask->error("a host name is expected, with ${PORT} for the port");
  }
  return network;
}

Result<Milliseconds> seconds(const Reader& at, std::int64_t least) {
  return Milliseconds(1000 * TRY(at.integer(least, kSecondsMost)));
}

Result<> read_lifecycle(const Reader& at, Life& life) {
  life.pauses = TRY(flag(at, "autoPause", false));
  const bool keeps_memory = TRY(flag(at, "autoPauseMemory", true));
  if (const auto resume = TRY(at.given("autoResume"))) life.wakes = TRY(flag(*resume, "enabled", false));
  if (!keeps_memory && !life.pauses)
    return Error(Code::kInvalidArgument, "$.autoPauseMemory: is only for a sandbox with autoPause");
  if (!keeps_memory && life.wakes)
    return Error(Code::kInvalidArgument, "$.autoPauseMemory: what keeps no memory cannot resume by itself");
  if (!keeps_memory)
    return Error(Code::kUnsupported, "$.autoPauseMemory: a paused sandbox keeps its memory here; snapshots keep files");
  return {};
}

}  // namespace

Result<CreateBody> read_create(std::string_view body, bool is_v2) {
  const json::Value value = TRY(parse_object(body));
  const Reader at(value);
  CreateBody create;
  if (const auto id = TRY(at.given("templateID"))) create.template_id = std::string(TRY(id->text()));
  if (create.template_id.empty() || create.template_id.size() > 256)
    return Error(Code::kInvalidArgument, "$.templateID: a name of 1 to 256 characters is expected");
  if (const auto metadata = TRY(at.given("metadata"))) create.metadata = TRY(read_metadata(*metadata));
  if (const auto environment = TRY(at.given("envVars"))) create.environment = TRY(read_variables(*environment));
  create.life.timeout = is_v2 ? kTimeoutUsual : kTimeoutOld;
  if (const auto timeout = TRY(at.given("timeout"))) create.life.timeout = TRY(seconds(*timeout, 1));
  TRY(read_lifecycle(at, create.life));
  if (const auto network = TRY(at.given("network"))) create.life.network = TRY(read_network(*network));
  // Older clients say true whatever their user wants: it allows what there is not.
  TRY(flag(at, "allow_internet_access", true));
  if (!is_v2 && !TRY(flag(at, "secure", true)) && !create.life.network.is_public)
    return Error(Code::kInvalidArgument, "$.network.allowPublicTraffic: false is only for a sandbox with secure: true");
  TRY(expect_none(at, "volumeMounts", "volumes are not supported"));
  TRY(expect_none(at, "iam", "tokens for the sandbox's identity are not supported"));
  TRY(expect_none(at, "mcp", "there is no gateway for MCP servers in a sandbox here"));
  return create;
}

Result<Network> read_network_update(std::string_view body, const Network& now) {
  const json::Value value = TRY(parse_object(body));
  const Reader at(value);
  Network network{.deny_out = {}, .is_public = now.is_public, .mask_host = now.mask_host};
  TRY(read_egress(at, network));
  TRY(flag(at, "allow_internet_access", true));
  return network;
}

Result<Milliseconds> read_timeout(std::string_view body, Milliseconds usual) {
  const json::Value value = TRY(parse_object(body));
  const Reader at(value);
  const auto timeout = TRY(at.given("timeout"));
  if (!timeout) return usual;
  return Milliseconds(1000 * std::max<std::int64_t>(0, TRY(timeout->integer(-kSecondsMost, kSecondsMost))));
}

Result<Milliseconds> read_refresh(std::string_view body) {
  const json::Value value = TRY(parse_object(body));
  const auto duration = TRY(Reader(value).given("duration"));
  return duration ? seconds(*duration, 0) : Result<Milliseconds>(kTimeoutOld);
}

Result<ConnectBody> read_connect(std::string_view body) {
  const json::Value value = TRY(parse_object(body));
  const Reader at(value);
  ConnectBody connect;
  if (const auto timeout = TRY(at.given("timeout"))) connect.timeout = TRY(seconds(*timeout, 0));
  if (!TRY(flag(at, "memory", true)))
    return Error(Code::kUnsupported,
                 "$.memory: a paused sandbox goes on where it stopped; it cannot be started afresh");
  return connect;
}

Result<> read_pause(std::string_view body) {
  const json::Value value = TRY(parse_object(body));
  if (TRY(flag(Reader(value), "memory", true))) return {};
  return Error(Code::kUnsupported,
               "$.memory: a paused sandbox keeps its memory here; a snapshot keeps the files alone");
}

Result<ForkBody> read_fork(std::string_view body) {
  const json::Value value = TRY(parse_object(body));
  const Reader at(value);
  ForkBody fork;
  if (const auto timeout = TRY(at.given("timeout"))) fork.timeout = TRY(seconds(*timeout, 1));
  if (const auto count = TRY(at.given("count")))
    fork.count = static_cast<std::size_t>(TRY(count->integer(1, kForksMost)));
  return fork;
}

Result<std::string> read_snapshot(std::string_view body) {
  const json::Value value = TRY(parse_object(body));
  const auto name = TRY(Reader(value).given("name"));
  return name ? std::string(TRY(name->text())) : std::string();
}

}  // namespace brig::api::e2b
