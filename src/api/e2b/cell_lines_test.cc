#include "api/e2b/cell_lines.h"

#include <gmock/gmock.h>

#include <boost/json/value.hpp>

#include "json/json.h"

namespace brig::api::e2b {
namespace {

using sandboxes::CellEvent;
using ::testing::HasSubstr;
using Kind = CellEvent::Kind;

constexpr WallTime kNow = wall_time(1'767'225'600'000);

CellEvent printed(Kind kind, std::string text) { return {.kind = kind, .text = std::move(text)}; }
CellEvent ended(std::string status, std::optional<int> code = {}) {
  return {.kind = Kind::kEnd, .end = {.status = std::move(status), .exit_code = code}};
}

/// The lines without their ends.
std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    EXPECT_NE(end, std::string::npos) << text;
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

TEST(CellLines, APrintIsOneLine) {
  CellLines lines;
  EXPECT_EQ(lines.take(printed(Kind::kOut, "hello"), 1, kNow),
            "{\"type\":\"number_of_executions\",\"execution_count\":1}\n");
  EXPECT_EQ(lines.take(printed(Kind::kOut, "\n"), 1, kNow), "");
  EXPECT_TRUE(lines.holds());
  const auto rest = split(lines.take(ended("ok"), 1, kNow));
  EXPECT_THAT(rest,
              testing::ElementsAre(R"({"type":"stdout","text":"hello\n","timestamp":"2026-01-01T00:00:00.000+00:00"})",
                                   R"({"type":"end_of_execution"})"));
}

TEST(CellLines, OutputComesBeforeWhatCameAfterIt) {
  CellLines lines;
  EXPECT_EQ(lines.take(printed(Kind::kOut, "a"), 0, kNow), "");
  EXPECT_THAT(lines.take(printed(Kind::kErr, "b"), 0, kNow), HasSubstr(R"("stdout","text":"a")"));
  const auto shown =
      split(lines.take({.kind = Kind::kError, .error = {.name = "E", .value = "v", .traceback = "t"}}, 3, kNow));
  ASSERT_EQ(shown.size(), 3U);
  EXPECT_EQ(shown[0], R"({"type":"number_of_executions","execution_count":3})");
  EXPECT_THAT(shown[1], HasSubstr(R"("stderr","text":"b")"));
  EXPECT_EQ(shown[2], R"({"type":"error","name":"E","value":"v","traceback":"t"})");
  EXPECT_FALSE(lines.holds());
  EXPECT_EQ(lines.flush(kNow), "");
}

TEST(CellLines, ALineIsAsciiAndCutsNoCharacter) {
  CellLines lines;
  EXPECT_EQ(lines.take(printed(Kind::kOut, "\xc3"), 0, kNow), "");
  EXPECT_FALSE(lines.holds());
  EXPECT_EQ(lines.take(printed(Kind::kErr, "x"), 0, kNow), "");
  EXPECT_THAT(lines.take(printed(Kind::kOut, "\xbc\xf0\x9f\x98\x80\xe2\x82\xac"), 0, kNow),
              HasSubstr("\"stderr\",\"text\":\"x\""));
  EXPECT_THAT(lines.flush(kNow), HasSubstr(R"("text":"\u00fc\ud83d\ude00\u20ac")"));
  // Bytes that are no text are replaced, and what is never completed is left out.
  EXPECT_EQ(lines.take(printed(Kind::kOut,
                               "a\xff"
                               "b\xe2\x82"),
                       0, kNow),
            "");
  EXPECT_THAT(split(lines.take(ended("ok"), 0, kNow)).at(0), HasSubstr("\"text\":\"a\\ufffdb\""));
}

TEST(CellLines, MuchOutputIsNotHeldBack) {
  CellLines lines;
  const std::string much(std::size_t{100} << 10, 'x');
  EXPECT_GT(lines.take(printed(Kind::kOut, much), 0, kNow).size(), much.size());
  EXPECT_FALSE(lines.holds());
}

TEST(CellLines, AResultHasKeysOfItsForms) {
  CellLines lines;
  CellEvent event{.kind = Kind::kResult, .is_main = true};
  event.result.forms = {{"text/plain", "'it''s'"},
                        {"text/html", "<b>"},
                        {"image/png", "aGk="},
                        {"application/json", R"({"a":[1,2]})"},
                        {"e2b/data", R"({"a":[1.5,null]})"},
                        {"e2b/chart", "no JSON {"},
                        {"application/vnd.plotly.v1+json", R"({"data":[]})"},
                        {"a/b", "c"}};
  const auto value = json::parse(lines.take(std::move(event), 0, kNow));
  ASSERT_TRUE(value);
  EXPECT_EQ(
      json::write(*value),
      R"({"type":"result","text":"it''s","html":"<b>","png":"aGk=","json":{"a":[1,2]},"data":{"a":[1.5E0,null]},)"
      R"("chart":"no JSON {","is_main_result":true,"extra":{"application/vnd.plotly.v1+json":{"data":[]},"a/b":"c"}})");
}

TEST(CellLines, AFormOfTooManyValuesStaysText) {
  std::string form = "[0";
  for (int i = 0; i < 1'000'000; ++i) form += ",0";
  CellEvent event{.kind = Kind::kResult, .is_main = true};
  event.result.forms = {{"application/json", form + "]"}};
  CellLines lines;
  EXPECT_THAT(lines.take(std::move(event), 0, kNow), HasSubstr(R"("json":"[0,0)"));
}

TEST(CellLines, AllFormsOfACellTogetherHaveSoManyValues) {
  const auto result_of = [](std::size_t values) {
    std::string form = "[0";
    for (std::size_t i = 1; i < values; ++i) form += ",0";
    CellEvent event{.kind = Kind::kResult, .is_main = true};
    event.result.forms = {{"application/json", form + "]"}};
    return event;
  };
  CellLines lines;
  EXPECT_THAT(lines.take(result_of(CellLines::kValuesMost / 2), 0, kNow), HasSubstr(R"("json":[0,0)"));
  EXPECT_THAT(lines.take(result_of(CellLines::kValuesMost / 2 + 2), 0, kNow), HasSubstr(R"("json":"[0,0)"));
  EXPECT_THAT(lines.take(result_of(CellLines::kValuesMost / 2 - 2), 0, kNow), HasSubstr(R"("json":[0,0)"));
}

TEST(CellLines, SaysHowItEndedInTheServicesWords) {
  CellLines exits;
  EXPECT_THAT(exits.take(ended("exit", 3), 0, kNow), HasSubstr(R"("name":"SystemExit","value":"3")"));
  CellLines dies;
  EXPECT_THAT(dies.take({.kind = Kind::kError, .error = {.name = "KernelDied", .value = "signal 11", .traceback = {}}},
                        0, kNow),
              HasSubstr(R"("name":"UnexpectedEndOfExecution","value":"signal 11")"));
  EXPECT_EQ(split(dies.take(ended("died"), 0, kNow)).size(), 1U);
  for (const char* name : {"ContextClosed", "SandboxEnded"}) {
    CellLines closed;
    EXPECT_THAT(closed.take({.kind = Kind::kError, .error = {.name = name, .value = "why", .traceback = {}}}, 0, kNow),
                HasSubstr(R"("name":"UnexpectedEndOfExecution","value":"why")"));
  }
}

TEST(ReadExecution, TakesWhatClientsSend) {
  const auto plain = read_execution(R"({"code":"1","context_id":null,"language":null,"env_vars":null,"new":1})");
  ASSERT_TRUE(plain) << plain.error().message();
  EXPECT_EQ(plain->cell.code, "1");
  EXPECT_EQ(plain->context_id + plain->language, "");
  EXPECT_FALSE(plain->cell.timeout);
  const auto rich = read_execution(R"({"code":"","context_id":"7","language":" JS ","env_vars":{"A":"b"}})");
  ASSERT_TRUE(rich);
  EXPECT_EQ(rich->context_id, "7");
  EXPECT_EQ(rich->language, "javascript");
  ASSERT_EQ(rich->cell.environment.size(), 1U);
  EXPECT_EQ(rich->cell.environment[0].value, "b");
}

TEST(ReadExecution, RefusesTheRest) {
  for (const char* body :
       {"", "[]", "{}", R"({"code":{"a":1}})", R"({"code":1})", R"({"code":"1","env_vars":{"A":1}})",
        R"({"code":"1","env_vars":{"A=B":"1"}})", R"({"code":"1","language":1})", R"({"code":"1"} x)"})
    EXPECT_FALSE(read_execution(body)) << body;
  EXPECT_FALSE(read_execution(R"({"code":")" + std::string(service::kCellMax + 1, 'x') + "\"}"));
}

TEST(ReadNewContext, IsPythonUnlessItSaysMore) {
  EXPECT_EQ(read_new_context("")->language, "python");
  EXPECT_EQ(read_new_context(R"({"language":null,"cwd":null})")->language, "python");
  const auto made = read_new_context(R"({"language":"TS","cwd":"/tmp"})");
  EXPECT_EQ(made->language, "typescript");
  EXPECT_EQ(made->cwd, "/tmp");
  EXPECT_FALSE(read_new_context(R"({"cwd":1})"));
}

}  // namespace
}  // namespace brig::api::e2b
