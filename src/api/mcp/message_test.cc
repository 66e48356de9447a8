#include "api/mcp/message.h"

#include <gmock/gmock.h>

namespace brig::api::mcp {
namespace {

using ::testing::HasSubstr;

Refusal refusal_of(std::string_view body) {
  const auto message = read_message(body);
  EXPECT_FALSE(message.has_value()) << body;
  return message ? Refusal{.sentence = "none"} : message.error();
}

constexpr std::string_view kMeta =
    R"("_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}})";

Message stateless(const std::string& rest = R"("name": "run_code")", const std::string& method = "tools/call") {
  const auto message = read_message(R"({"jsonrpc": "2.0", "id": 1, "method": ")" + method + R"(", "params": {)" +
                                    std::string(kMeta) + (rest.empty() ? "" : ", " + rest) + "}}");
  EXPECT_TRUE(message.has_value());
  return message ? *message : Message();
}

TEST(McpMessage, KindsAreTold) {
  const auto request = read_message(R"({"jsonrpc": "2.0", "id": "a", "method": "ping"})");
  ASSERT_TRUE(request.has_value());
  EXPECT_EQ(request->kind, Message::Kind::kRequest);
  EXPECT_EQ(request->id, "a");
  EXPECT_EQ(request->method, "ping");
  EXPECT_TRUE(request->params.empty());
  const auto notification = read_message(R"({"jsonrpc": "2.0", "method": "notifications/initialized"})");
  ASSERT_TRUE(notification.has_value());
  EXPECT_EQ(notification->kind, Message::Kind::kNotification);
  const auto response = read_message(R"({"jsonrpc": "2.0", "id": 3, "result": {}})");
  ASSERT_TRUE(response.has_value());
  EXPECT_EQ(response->kind, Message::Kind::kResponse);
}

TEST(McpMessage, WhatIsNoneIsRefusedWithTheIdOfWhatWasAsked) {
  EXPECT_EQ(refusal_of("{").fault, Fault::kParse);
  EXPECT_EQ(refusal_of("").fault, Fault::kParse);
  EXPECT_EQ(refusal_of("7").fault, Fault::kInvalidRequest);
  EXPECT_THAT(refusal_of(R"([{"jsonrpc": "2.0", "id": 1, "method": "ping"}])").sentence, HasSubstr("batch"));
  const Refusal old = refusal_of(R"({"jsonrpc": "1.0", "id": 7, "method": "ping"})");
  EXPECT_EQ(old.id, 7);
  EXPECT_THAT(old.sentence, HasSubstr("$.jsonrpc"));
  EXPECT_THAT(refusal_of(R"({"jsonrpc": "2.0", "id": 1.5, "method": "ping"})").sentence, HasSubstr("$.id"));
  EXPECT_THAT(refusal_of(R"({"jsonrpc": "2.0", "id": null, "method": "ping"})").sentence, HasSubstr("$.id"));
  EXPECT_THAT(refusal_of(R"({"jsonrpc": "2.0", "id": 1, "method": 5})").sentence, HasSubstr("$.method"));
  EXPECT_THAT(refusal_of(R"({"jsonrpc": "2.0", "id": 1})").sentence, HasSubstr("$.method"));
  EXPECT_EQ(refusal_of(R"({"jsonrpc": "2.0", "id": 1, "method": "x", "params": []})").fault, Fault::kInvalidParams);
  const std::string long_id(kIdMax + 1, 'x');
  EXPECT_THAT(refusal_of(R"({"jsonrpc": "2.0", "id": ")" + long_id + R"(", "method": "x"})").sentence,
              HasSubstr("$.id"));
}

TEST(McpMessage, DepthAndSizeAreBounded) {
  const std::string deep = R"({"jsonrpc": "2.0", "id": 1, "method": "x", "params": {"a": )" + std::string(50, '[') +
                           std::string(50, ']') + "}}";
  EXPECT_EQ(refusal_of(deep).fault, Fault::kParse);
  EXPECT_EQ(refusal_of(std::string(kMessageMax + 1, ' ')).fault, Fault::kParse);
}

TEST(McpMessage, AStatelessRequestAndItsHeadersSayTheSame) {
  const MirroredHeaders good{.revision = "2026-07-28", .method = "tools/call", .name = "run_code"};
  EXPECT_TRUE(check_stateless(stateless(), good).has_value());
  MirroredHeaders coded = good;
  coded.name = "=?base64?cnVuX2NvZGU=?=";
  EXPECT_TRUE(check_stateless(stateless(), coded).has_value());
  EXPECT_TRUE(
      check_stateless(stateless("", "tools/list"), {.revision = "2026-07-28", .method = "tools/list", .name = {}})
          .has_value());
  for (const MirroredHeaders& bad :
       {MirroredHeaders{.revision = "", .method = "tools/call", .name = "run_code"},
        MirroredHeaders{.revision = "2025-11-25", .method = "tools/call", .name = "run_code"},
        MirroredHeaders{.revision = "2026-07-28", .method = "", .name = "run_code"},
        MirroredHeaders{.revision = "2026-07-28", .method = "tools/list", .name = "run_code"},
        MirroredHeaders{.revision = "2026-07-28", .method = "tools/call", .name = ""},
        MirroredHeaders{.revision = "2026-07-28", .method = "tools/call", .name = "read_file"},
        MirroredHeaders{.revision = "2026-07-28", .method = "tools/call", .name = "=?base64?!?="}}) {
    const auto checked = check_stateless(stateless(), bad);
    ASSERT_FALSE(checked.has_value());
    EXPECT_EQ(checked.error().fault, Fault::kHeaderMismatch);
    EXPECT_EQ(checked.error().id, 1);
  }
}

TEST(McpMessage, AnUnknownRevisionHearsWhichAreSpoken) {
  auto message = stateless();
  message.params["_meta"].as_object()["io.modelcontextprotocol/protocolVersion"] = "1900-01-01";
  const auto checked = check_stateless(message, {.revision = "1900-01-01", .method = "tools/call", .name = "run_code"});
  ASSERT_FALSE(checked.has_value());
  EXPECT_EQ(checked.error().fault, Fault::kUnsupportedVersion);
  EXPECT_THAT(refusal_text(checked.error()), HasSubstr(R"("supported":["2026-07-28","2025-11-25","2025-06-18"])"));
  auto silent = stateless();
  silent.params["_meta"].as_object().erase("io.modelcontextprotocol/clientCapabilities");
  const auto refused = check_stateless(silent, {.revision = "2026-07-28", .method = "tools/call", .name = "run_code"});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().fault, Fault::kInvalidParams);
}

}  // namespace
}  // namespace brig::api::mcp
