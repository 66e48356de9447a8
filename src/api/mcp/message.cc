#include "api/mcp/message.h"

#include <algorithm>

#include "base/base64.h"
#include "base/text.h"
#include "json/json.h"

namespace brig::api::mcp {
namespace {

namespace bj = boost::json;

constexpr std::string_view kRevisionKey = "io.modelcontextprotocol/protocolVersion";
constexpr std::string_view kCapabilitiesKey = "io.modelcontextprotocol/clientCapabilities";

bool is_id(const bj::value& value) {
  if (value.is_string()) return value.get_string().size() <= kIdMax;
  return value.is_int64() || value.is_uint64();
}

std::string text_at(const bj::object& object, std::string_view key) {
  const bj::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// The value that a header carries; none for broken base64.
std::optional<std::string> decoded(std::string_view header) {
  constexpr std::string_view kBegin = "=?base64?";
  constexpr std::string_view kEnd = "?=";
  if (!header.starts_with(kBegin) || !header.ends_with(kEnd) || header.size() < kBegin.size() + kEnd.size())
    return std::string(header);
  header.remove_prefix(kBegin.size());
  header.remove_suffix(kEnd.size());
  return from_base64(header);
}

Refusal mismatch(const Message& message, std::string_view header, std::string_view said, std::string_view body) {
  std::string sentence = "Header mismatch: ";
  if (said.empty()) sentence += "the header " + std::string(header) + " is missing";
  else sentence += std::string(header) + " says \"" + printable(said, 60) + "\"";
  return {.fault = Fault::kHeaderMismatch,
          .sentence = sentence + ", and the body \"" + printable(body, 60) + "\"",
          .id = message.id};
}

}  // namespace

bool is_known_revision(std::string_view revision) {
  return std::ranges::find(kRevisions, revision) != kRevisions.end();
}

bool is_stateless(std::string_view revision) { return revision == kRevisions.front(); }

bj::object Message::meta() const {
  const bj::value* meta = params.if_contains("_meta");
  return meta != nullptr && meta->is_object() ? meta->get_object() : bj::object();
}

std::string Message::revision() const { return text_at(meta(), kRevisionKey); }

std::expected<Message, Refusal> read_message(std::string_view body) {
  auto parsed = json::parse(body, {.max_bytes = kMessageMax, .max_depth = kDepthMax});
  if (!parsed) return std::unexpected(Refusal{.fault = Fault::kParse, .sentence = parsed.error().message()});
  if (parsed->is_array())
    return std::unexpected(Refusal{.sentence = "a batch: send each message as a request of its own"});
  if (!parsed->is_object()) return std::unexpected(Refusal{.sentence = "an object is expected"});
  bj::object& object = parsed->get_object();
  Message message;
  const bj::value* id = object.if_contains("id");
  if (id != nullptr && is_id(*id)) message.id = *id;
  const auto refuse = [&message](std::string sentence, Fault fault = Fault::kInvalidRequest) {
    return std::unexpected(Refusal{.fault = fault, .sentence = std::move(sentence), .id = message.id});
  };
  if (text_at(object, "jsonrpc") != "2.0") return refuse("$.jsonrpc: \"2.0\" is expected");
  if (id != nullptr && message.id.is_null()) return refuse("$.id: a short text or a whole number is expected");
  const bj::value* method = object.if_contains("method");
  if (method == nullptr) {
    if (id == nullptr || (!object.contains("result") && !object.contains("error")))
      return refuse("$.method: required, but missing");
    message.kind = Message::Kind::kResponse;
    return message;
  }
  if (!method->is_string() || method->get_string().empty()) return refuse("$.method: a text is expected");
  message.method = std::string(method->get_string());
  message.kind = id != nullptr ? Message::Kind::kRequest : Message::Kind::kNotification;
  bj::value* params = object.if_contains("params");
  if (params != nullptr) {
    if (!params->is_object()) return refuse("$.params: an object is expected", Fault::kInvalidParams);
    message.params = std::move(params->get_object());
  }
  return message;
}

std::expected<void, Refusal> check_stateless(const Message& message, const MirroredHeaders& headers) {
  const std::string revision = message.revision();
  if (headers.revision != revision)
    return std::unexpected(mismatch(message, "MCP-Protocol-Version", headers.revision, revision));
  if (!is_stateless(revision)) {
    bj::array supported;
    for (const std::string_view one : kRevisions) supported.emplace_back(one);
    return std::unexpected(
        Refusal{.fault = Fault::kUnsupportedVersion,
                .sentence = "Unsupported protocol version",
                .id = message.id,
                .data = bj::object{{"supported", std::move(supported)}, {"requested", printable(revision, 60)}}});
  }
  if (message.kind != Message::Kind::kRequest) return {};
  const bj::object meta = message.meta();
  const bj::value* capabilities = meta.if_contains(kCapabilitiesKey);
  if (capabilities == nullptr || !capabilities->is_object()) {
    return std::unexpected(Refusal{.fault = Fault::kInvalidParams,
                                   .sentence = "$.params._meta: " + std::string(kCapabilitiesKey) + " is required",
                                   .id = message.id});
  }
  if (headers.method != message.method)
    return std::unexpected(mismatch(message, "Mcp-Method", headers.method, message.method));
  if (message.method != "tools/call") return {};
  const std::string name = text_at(message.params, "name");
  const auto said = decoded(headers.name);
  if (!said || *said != name) return std::unexpected(mismatch(message, "Mcp-Name", headers.name, name));
  return {};
}

std::string result_text(const bj::value& id, bj::object result) {
  return json::write(bj::object{{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(result)}});
}

std::string refusal_text(const Refusal& refusal) {
  bj::object error{{"code", static_cast<int>(refusal.fault)}, {"message", refusal.sentence}};
  if (!refusal.data.is_null()) error["data"] = refusal.data;
  return json::write(bj::object{{"jsonrpc", "2.0"}, {"id", refusal.id}, {"error", std::move(error)}});
}

std::string progress_text(const bj::value& token, std::int64_t progress, std::string_view sentence) {
  return json::write(bj::object{
      {"jsonrpc", "2.0"},
      {"method", "notifications/progress"},
      {"params", bj::object{{"progressToken", token}, {"progress", progress}, {"message", std::string(sentence)}}}});
}

}  // namespace brig::api::mcp
