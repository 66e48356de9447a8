// What a model gets to read, and what it is told of its own mistakes.
#include "api/mcp/content.h"

#include <gmock/gmock.h>

#include "api/mcp/tools.h"
#include "base/text.h"
#include "json/json.h"

namespace brig::api::mcp {
namespace {

namespace bj = boost::json;
using ::testing::HasSubstr;

std::string text_in(const bj::object& result) { return std::string(result.at("content").at(0).at("text").as_string()); }

TEST(McpContent, ALongTextKeepsHeadAndTailAndSaysWhatIsMissing) {
  std::string text(kTextMax, 'a');
  EXPECT_EQ(shortened(text), text);
  text += std::string(1000, 'z');
  const std::string cut = shortened(text);
  EXPECT_LT(cut.size(), kTextMax + 200);
  EXPECT_THAT(cut, HasSubstr("1000 bytes left out"));
  EXPECT_TRUE(cut.ends_with("zzz"));
  std::string wide;
  while (wide.size() < 3 * kTextMax) wide += "\u20ac";
  EXPECT_TRUE(is_utf8(shortened(wide))) << "a character is whole or not there";
}

TEST(McpContent, PicturesAreBounded) {
  Content content;
  content.show("image/png", std::string(kPictureMax + 1, 'A'));
  for (std::size_t i = 0; i < kPictureCountMax + 2; ++i) content.show("image/png", "AAAA");
  const bj::object result = std::move(content).result(false);
  EXPECT_EQ(result.at("content").as_array().size(), kPictureCountMax + 1);
  EXPECT_THAT(text_in(result), HasSubstr("3 picture(s) left out"));
  EXPECT_EQ(result.at("content").at(1).at("mimeType"), "image/png");
}

TEST(McpContent, NothingIsSaidSo) { EXPECT_EQ(text_in(Content().result(false)), "(no output)"); }

TEST(McpContent, WhatIsNoTextBecomesSome) {
  Content content;
  content.say("a\xff");
  EXPECT_EQ(text_in(std::move(content).result(false)), "a\ufffd");
}

TEST(McpContent, PicturesAreKnownByTheirFirstBytes) {
  using namespace std::string_view_literals;
  EXPECT_EQ(picture_type("\x89PNG\r\n\x1a\nrest"sv), "image/png");
  EXPECT_EQ(picture_type("\xff\xd8\xff\xe0"sv), "image/jpeg");
  EXPECT_EQ(picture_type("RIFF....WEBPVP8 "sv), "image/webp");
  EXPECT_EQ(picture_type("RIFF....WAVE"sv), "");
  EXPECT_EQ(picture_type(""sv), "");
}

TEST(McpContent, ManyTextsAreBoundedTogether) {
  Content content;
  for (int i = 0; i < 200; ++i) content.say("result", std::string(kTextMax, 'x'));
  const std::string text = text_in(std::move(content).result(false));
  EXPECT_LT(text.size(), kTextsMax + 1024);
  EXPECT_THAT(text, HasSubstr("more bytes of text left out"));
}

TEST(McpContent, AFailureSaysWhatToDo) {
  const bj::object result = failure(Error(Code::kExhausted, "the key has 2 sandboxes"));
  EXPECT_EQ(result.at("isError"), true);
  EXPECT_THAT(text_in(result), HasSubstr("kill_sandbox"));
}

TEST(McpTools, EachIsDescribedAndFound) {
  const bj::array tools = describe_tools("NO NETWORK");
  ASSERT_EQ(tools.size(), 8U);
  for (const bj::value& tool : tools) {
    const std::string name(tool.at("name").as_string());
    EXPECT_TRUE(find_tool(name).has_value()) << name;
    EXPECT_GT(tool.at("description").as_string().size(), 40U) << name;
    EXPECT_EQ(tool.at("inputSchema").at("type"), "object") << name;
    EXPECT_EQ(tool.at("inputSchema").at("additionalProperties"), false) << name;
    for (const auto& [key, property] : tool.at("inputSchema").at("properties").as_object())
      EXPECT_GT(property.at("description").as_string().size(), 5U) << name << "." << key;
  }
  EXPECT_THAT(json::write(tools.at(0)), HasSubstr("NO NETWORK"));
  EXPECT_FALSE(find_tool("rm").has_value());
}

/// Every property that is described is read, and nothing else.
TEST(McpTools, TakeWhatTheyDescribe) {
  for (const bj::value& tool : describe_tools("")) {
    const auto which = *find_tool(std::string(tool.at("name").as_string()));
    bj::object all;
    for (const auto& [key, property] : tool.at("inputSchema").at("properties").as_object()) {
      const std::string type(property.at("type").as_string());
      if (type == "string") all[key] = key == "encoding" ? "utf-8" : key == "language" ? "bash" : "x";
      else all[key] = 100;
    }
    const auto read = read_arguments(which, all);
    EXPECT_TRUE(read.has_value()) << tool.at("name") << ": " << (read ? "" : read.error().message());
    all["surprise"] = 1;
    EXPECT_FALSE(read_arguments(which, all).has_value()) << tool.at("name");
    EXPECT_FALSE(read_arguments(which, bj::array()).has_value()) << tool.at("name");
  }
}

/// No client is told of a number that is then refused; no less than the least is taken.
TEST(McpTools, ReadTheTimesThatTheirSchemasAllow) {
  for (const bj::value& tool : describe_tools("")) {
    const auto which = *find_tool(std::string(tool.at("name").as_string()));
    const bj::object& properties = tool.at("inputSchema").at("properties").as_object();
    const bj::value* timeout = properties.if_contains("timeout_seconds");
    if (timeout == nullptr) continue;
    const double least = timeout->at("minimum").as_double();
    EXPECT_GT(least, 0) << tool.at("name");
    bj::object all{{"timeout_seconds", least}};
    for (const char* needed : {"code", "command"})
      if (properties.contains(needed)) all[needed] = "x";
    EXPECT_TRUE(read_arguments(which, all).has_value()) << tool.at("name");
    all["timeout_seconds"] = least / 2;
    EXPECT_FALSE(read_arguments(which, all).has_value()) << tool.at("name");
  }
}

std::string mistake(Tool tool, std::string_view arguments) {
  const auto read = read_arguments(tool, *json::parse(arguments));
  return read ? "" : read.error().message();
}

TEST(McpTools, MistakesNameTheArgument) {
  EXPECT_THAT(mistake(Tool::kRunCode, "{}"), HasSubstr("\"code\" is missing"));
  EXPECT_THAT(mistake(Tool::kRunCode, R"({"code": ""})"), HasSubstr("may not be empty"));
  EXPECT_THAT(mistake(Tool::kRunCode, R"({"code": 5})"), HasSubstr("arguments.code"));
  EXPECT_THAT(mistake(Tool::kRunCode, R"({"code": "1", "timeout_seconds": 0})"), HasSubstr("timeout_seconds"));
  EXPECT_THAT(mistake(Tool::kRunCode, R"({"code": "1", "timeout_seconds": 1e300})"), HasSubstr("timeout_seconds"));
  EXPECT_THAT(mistake(Tool::kRunCode, R"({"code": "1", "cod": "2"})"), HasSubstr("did you mean"));
  EXPECT_THAT(mistake(Tool::kReadFile, R"({"path": "/x", "max_bytes": 1e9})"), HasSubstr("max_bytes"));
  EXPECT_THAT(mistake(Tool::kReadFile, R"({"path": "a\u0000b"})"), HasSubstr("NUL"));
  EXPECT_THAT(mistake(Tool::kWriteFile, R"({"path": "x", "content": "!", "encoding": "base64"})"), HasSubstr("base64"));
  EXPECT_THAT(mistake(Tool::kWriteFile, R"({"path": "x", "content": "!", "encoding": "rot13"})"),
              HasSubstr("encoding"));
  EXPECT_THAT(mistake(Tool::kWriteFile, R"({"path": "x"})"), HasSubstr("\"content\" is missing"));
}

TEST(McpTools, FilesComeAsBytes) {
  const auto read =
      read_arguments(Tool::kWriteFile, bj::object{{"path", "x"}, {"content", "AP8="}, {"encoding", "base64"}});
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->content, std::string("\0\xff", 2));
}

}  // namespace
}  // namespace brig::api::mcp
