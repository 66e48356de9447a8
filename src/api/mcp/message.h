#pragma once
/// JSON-RPC 2.0 as the Model Context Protocol speaks it: one message of a client, read strictly, and what is said of it
/// that the protocol's revisions ask for. Pure.
///
/// Numbers of errors are JSON-RPC's, and the protocol's own (revision 2026-07-28, "Error Codes").
#include <array>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

namespace brig::api::mcp {

/// Bytes of one message: a file that is written, base64 included.
inline constexpr std::size_t kMessageMax = std::size_t{4} << 20;
inline constexpr std::size_t kDepthMax = 32;
/// Bytes of an id that is a text.
inline constexpr std::size_t kIdMax = 256;

/// Revisions that are spoken, the newest first. The first carries version and client with each request; those after it
/// begin with `initialize` and have sessions.
inline constexpr std::array<std::string_view, 3> kRevisions{"2026-07-28", "2025-11-25", "2025-06-18"};
[[nodiscard]] bool is_known_revision(std::string_view revision);
/// Whether each request says for itself what it is (no `initialize`, no session).
[[nodiscard]] bool is_stateless(std::string_view revision);

/// In `data.reason` of the refusal of a session that is not (any more): clients decide by it, and no sentence.
inline constexpr std::string_view kNoSession = "no_session";

enum class Fault : std::int16_t {
  kParse = -32700,
  kInvalidRequest = -32600,
  kMethodNotFound = -32601,
  kInvalidParams = -32602,
  kInternal = -32603,
  kHeaderMismatch = -32020,
  kUnsupportedVersion = -32022,
};

/// Why a message is not served.
struct Refusal {
  Fault fault = Fault::kInvalidRequest;
  std::string sentence;
  boost::json::value id = nullptr;    ///< of the request, if it could be read
  boost::json::value data = nullptr;  ///< null: none
};

struct Message {
  enum class Kind : std::uint8_t { kRequest, kNotification, kResponse };
  Kind kind = Kind::kNotification;
  boost::json::value id = nullptr;  ///< a text or a whole number; of a notification null
  std::string method;               ///< of a response empty
  boost::json::object params;       ///< of a response empty

  /// `_meta` of the params as an object; empty if there is none.
  [[nodiscard]] boost::json::object meta() const;
  /// What `_meta` says the message's revision is; empty if it says nothing.
  [[nodiscard]] std::string revision() const;
};

/// One message: no batch (the revisions that are spoken have none), nothing deeper than kDepthMax.
std::expected<Message, Refusal> read_message(std::string_view body);

/// What the headers of a stateless request must repeat of its body. Empty views: a header that is missing.
struct MirroredHeaders {
  std::string_view revision;  ///< MCP-Protocol-Version
  std::string_view method;    ///< Mcp-Method
  std::string_view name;      ///< Mcp-Name, perhaps as "=?base64?…?="
};
/// A refusal unless `message`, which is stateless, says in full what it is, and `headers` say the same.
std::expected<void, Refusal> check_stateless(const Message& message, const MirroredHeaders& headers);

/// {"jsonrpc": "2.0", "id": …, "result": …}
std::string result_text(const boost::json::value& id, boost::json::object result);
std::string refusal_text(const Refusal& refusal);
/// {"jsonrpc": "2.0", "method": "notifications/progress", …}; `token` as the request gave it.
std::string progress_text(const boost::json::value& token, std::int64_t progress, std::string_view sentence);

}  // namespace brig::api::mcp
