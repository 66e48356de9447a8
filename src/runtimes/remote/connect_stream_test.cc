#include "runtimes/remote/connect_stream.h"

#include <gmock/gmock.h>

namespace brig::runtimes::remote {
namespace {

using ::testing::HasSubstr;
using Kind = ProcessEvent::Kind;

Result<ProcessEvent> event_of(std::string payload, bool is_end = false) {
  return read_event({.is_end = is_end, .payload = std::move(payload)});
}

TEST(Events, SayWhatHappened) {
  const auto start = event_of(R"({"event":{"start":{"pid":7}}})");
  ASSERT_TRUE(start.has_value());
  EXPECT_EQ(start->kind, Kind::kStarted);
  EXPECT_EQ(start->pid, 7U);
  const auto out = event_of(R"({"event":{"data":{"stdout":"YmFyCg=="}}})");
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(out->kind, Kind::kOut);
  EXPECT_EQ(out->bytes, "bar\n");
  EXPECT_EQ(event_of(R"({"event":{"data":{"stderr":"AA=="}}})")->bytes, std::string(1, '\0'));
  EXPECT_EQ(event_of(R"({"event":{"end":{"exited":true,"status":"exit status 0"}}})")->text, "exit status 0");
  EXPECT_EQ(event_of(R"({"event":{"end":{"exitCode":-1,"status":"signal: killed","error":"signal: killed"}}})")->kind,
            Kind::kEnded);
  EXPECT_EQ(event_of(R"({"event":{"end":{}}})")->text, "it ended");
  EXPECT_EQ(event_of(R"({"event":{"keepalive":{}}})")->kind, Kind::kOther);
  EXPECT_EQ(event_of(R"({"event":{"of a later version":{}}})")->kind, Kind::kOther);
  EXPECT_EQ(event_of(R"({"event":{"data":{}}})")->kind, Kind::kOther);
}

TEST(Events, SayHowTheStreamEnds) {
  EXPECT_EQ(event_of("{}", true)->text, "");
  EXPECT_EQ(event_of(R"({"error":{"code":"not_found","message":"no pid 9"}})", true)->text, "not_found: no pid 9");
  EXPECT_EQ(event_of(R"({"error":{}})", true)->text, "an error without a name");
}

TEST(Events, RefusesWhatIsNone) {
  for (const char* text :
       {"", "[]", "{}", "nonsense", R"({"event":[]})", R"({"event":{"start":{}}})", R"({"event":{"start":{"pid":0}}})",
        R"({"event":{"start":{"pid":-1}}})", R"({"event":{"start":{"pid":4294967296}}})",
        R"({"event":{"start":{"pid":"7"}}})", R"({"event":{"data":{"stdout":"?"}}})",
        R"({"event":{"data":{"stdout":7}}})", R"({"event":{"data":{"stdout":"","stderr":""}}})",
        R"({"event":{"data":{"stdout":""},"end":{}}})", R"({"event":{"end":{"status":7}}})"})
    EXPECT_FALSE(event_of(text).has_value()) << text;
  for (const char* text : {"", "[]", R"({"error":7})", R"({"error":{"code":7}})"})
    EXPECT_FALSE(event_of(text, true).has_value()) << text;
}

TEST(Events, TextsAreShortAndPrintable) {
  const auto end = event_of(R"({"event":{"end":{"error":"\u001b]0;owned\u0007)" + std::string(5'000, 'x') + "\"}}}");
  ASSERT_TRUE(end.has_value());
  EXPECT_THAT(end->text, ::testing::Not(HasSubstr("\x1b")));
  EXPECT_LT(end->text.size(), 500U);
}

TEST(Requests, AreAsTheOfficialClientsSendThem) {
  const std::vector<std::string> words{"-c", "echo \"$0\""};
  EXPECT_EQ(start_request("/bin/sh", words),
            http::enveloped(R"({"process":{"cmd":"/bin/sh","args":["-c","echo \"$0\""],"cwd":"/"},"stdin":true})"));
  EXPECT_EQ(input_request(7, std::string("\0\xff", 2)), R"({"process":{"pid":7},"input":{"stdin":"AP8="}})");
}

}  // namespace
}  // namespace brig::runtimes::remote
