#include "api/e2b/process_messages.h"

#include <gmock/gmock.h>

#include <csignal>

#include <boost/json/value.hpp>

#include "json/json.h"

namespace brig::api::e2b {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <class Read>
auto read_with(Read read, std::string_view text) {
  const auto value = json::parse(text);
  EXPECT_TRUE(value) << text;
  return read(json::Reader(*value));
}

TEST(ProcessMessages, StartSaysWhatIsToRun) {
  const auto start = read_with(read_start, R"({"process":{"cmd":"/bin/bash","args":["-l","-c","echo $FOO"],
      "envs":{"FOO":"bar"},"cwd":"sub"},"pty":{"size":{"cols":120,"rows":"40"}},"tag":"t","stdin":false,"new":1})");
  ASSERT_TRUE(start) << start.error().message();
  EXPECT_THAT(start->argv, ElementsAre("/bin/bash", "-l", "-c", "echo $FOO"));
  ASSERT_EQ(start->environment.size(), 1U);
  EXPECT_EQ(start->environment[0].name, "FOO");
  EXPECT_EQ(start->environment[0].value, "bar");
  EXPECT_EQ(start->cwd, "sub");
  ASSERT_TRUE(start->terminal);
  EXPECT_EQ(start->terminal->columns, 120);
  EXPECT_EQ(start->terminal->rows, 40);
  EXPECT_EQ(start->tag, "t");
  EXPECT_FALSE(start->has_stdin);
}

TEST(ProcessMessages, StartHasDefaults) {
  const auto start = read_with(read_start, R"({"process":{"cmd":"x","args":null,"envs":null},"pty":null})");
  ASSERT_TRUE(start) << start.error().message();
  EXPECT_THAT(start->argv, ElementsAre("x"));
  EXPECT_TRUE(start->has_stdin);
  EXPECT_FALSE(start->terminal);
  const auto sized = read_with(read_start, R"({"process":{"cmd":"x"},"pty":{}})");
  ASSERT_TRUE(sized && sized->terminal);
  EXPECT_EQ(sized->terminal->columns, 80);
}

TEST(ProcessMessages, StartRefusesWhatCannotBeStarted) {
  for (const char* bad :
       {R"({})", R"({"process":{}})", R"({"process":{"cmd":""}})", R"({"process":{"cmd":7}})",
        R"({"process":{"cmd":"a\u0000b"}})", R"({"process":{"cmd":"x","args":"y"}})",
        R"({"process":{"cmd":"x","args":[1]}})", R"({"process":{"cmd":"x","envs":{"A=B":"c"}}})",
        R"({"process":{"cmd":"x","envs":{"":"c"}}})", R"({"process":{"cmd":"x","envs":{"A":"\u0000"}}})",
        R"({"process":{"cmd":"x"},"stdin":"yes"})", R"({"process":{"cmd":"x"},"pty":{"size":{"cols":100000}}})",
        R"({"process":{"cmd":"x"},"pty":{"size":{"cols":-1}}})", R"({"process":[]})"}) {
    const auto start = read_with(read_start, bad);
    ASSERT_FALSE(start) << bad;
    EXPECT_EQ(start.error().code(), Code::kInvalidArgument) << bad;
  }
}

TEST(ProcessMessages, ASelectorIsOneOfTwo) {
  EXPECT_EQ(read_with(read_selector, R"({"process":{"pid":7}})")->pid, 7U);
  EXPECT_EQ(read_with(read_selector, R"({"process":{"pid":"7"}})")->pid, 7U);
  EXPECT_EQ(read_with(read_selector, R"({"process":{"tag":"x"}})")->tag, "x");
  for (const char* bad :
       {R"({})", R"({"process":{}})", R"({"process":{"pid":0}})", R"({"process":{"pid":1,"tag":"x"}})",
        R"({"process":{"pid":-1}})", R"({"process":{"pid":4294967296}})"})
    EXPECT_FALSE(read_with(read_selector, bad)) << bad;
}

TEST(ProcessMessages, InputIsBase64InEitherAlphabet) {
  const auto plain = read_with(read_input, R"({"input":{"stdin":"aGVsbG8="}})");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->bytes, "hello");
  EXPECT_FALSE(plain->is_for_terminal);
  const auto typed = read_with(read_input, R"({"input":{"pty":"-_8"}})");
  ASSERT_TRUE(typed) << typed.error().message();
  EXPECT_EQ(typed->bytes, "\xfb\xff");
  EXPECT_TRUE(typed->is_for_terminal);
  for (const char* bad : {R"({})", R"({"input":{}})", R"({"input":{"stdin":"?"}})", R"({"input":{"stdin":"a"}})",
                          R"({"input":{"stdin":"","pty":""}})", R"({"input":{"stdin":1}})"})
    EXPECT_FALSE(read_with(read_input, bad)) << bad;
}

TEST(ProcessMessages, TwoSignalsAreKnown) {
  EXPECT_EQ(*read_with(read_signal, R"({"signal":"SIGNAL_SIGKILL"})"), SIGKILL);
  EXPECT_EQ(*read_with(read_signal, R"({"signal":15})"), SIGTERM);
  for (const char* bad : {R"({})", R"({"signal":"SIGNAL_UNSPECIFIED"})", R"({"signal":0})", R"({"signal":11})"})
    EXPECT_FALSE(read_with(read_signal, bad)) << bad;
}

std::string end_of(runtime::Cause cause, int value, std::string note = {}) {
  return json::write(end_event({.exit = {.cause = cause, .value = value}, .limits_hit = {}, .note = std::move(note)}));
}

TEST(ProcessEvents, AreAsEnvdWritesThem) {
  EXPECT_EQ(json::write(start_event(7)), R"({"event":{"start":{"pid":7}}})");
  EXPECT_EQ(json::write(data_event("stdout", "bar\n")), R"({"event":{"data":{"stdout":"YmFyCg=="}}})");
  EXPECT_EQ(json::write(keepalive_event()), R"({"event":{"keepalive":{}}})");
  EXPECT_EQ(end_of(runtime::Cause::kExited, 0), R"({"event":{"end":{"exited":true,"status":"exit status 0"}}})");
  EXPECT_EQ(end_of(runtime::Cause::kExited, 1),
            R"({"event":{"end":{"exited":true,"status":"exit status 1","exitCode":1,"error":"exit status 1"}}})");
  EXPECT_EQ(end_of(runtime::Cause::kSignalled, SIGKILL),
            R"({"event":{"end":{"exitCode":-1,"exited":false,"status":"signal: killed","error":"signal: killed"}}})");
  EXPECT_THAT(end_of(runtime::Cause::kSignalled, 40), HasSubstr("\"signal: signal 40\""));
  EXPECT_THAT(end_of(runtime::Cause::kMemoryLimit, SIGKILL),
              HasSubstr(R"("status":"signal: killed","error":"signal: killed: memory_limit")"));
}

}  // namespace
}  // namespace brig::api::e2b
