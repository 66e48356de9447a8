#include "runtimes/process/launch.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "runtimes/process/testing/hosts.h"

namespace brig::runtimes::process {
namespace {

TEST(LaunchRequest, IsReadBackExactly) {
  LaunchRequest request = plain_request();
  request.mounts = {{.host = "/a b", .path = "workspace/ä", .is_folder = true, .is_writable = true}};
  const std::string bytes = encode(request);
  const auto again = decode_request(bytes);
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_EQ(*again, request);
}

TEST(LaunchRequest, OutOfBoundsIsRefused) {
  const auto refused = [](auto change) {
    LaunchRequest request = plain_request();
    change(request);
    const auto result = decode_request(encode(request));
    return !result.has_value() && result.error().code() == Code::kInvalidArgument;
  };
  EXPECT_TRUE(refused([](auto& r) { r.id = "../../x"; }));
  EXPECT_TRUE(refused([](auto& r) { r.id = ""; }));
  EXPECT_TRUE(refused([](auto& r) { r.id = std::string(65, 'a'); }));
  EXPECT_TRUE(refused([](auto& r) { r.memory = Bytes{0}; }));
  EXPECT_TRUE(refused([](auto& r) { r.pids = 0; }));
  EXPECT_TRUE(refused([](auto& r) { r.disk = Bytes{0}; }));
  EXPECT_TRUE(refused([](auto& r) { r.lifetime = Milliseconds(-1); }));
  EXPECT_TRUE(refused([](auto& r) { r.mounts = {{.host = "/a", .path = "../x"}}; }));
  EXPECT_TRUE(refused([](auto& r) { r.mounts = {{.host = "/a", .path = "/x"}}; }));
  EXPECT_TRUE(refused([](auto& r) { r.mounts = {{.host = "a", .path = "x"}}; }));
  EXPECT_TRUE(refused([](auto& r) { r.mounts = {{.host = "/a/../b", .path = "x"}}; }));
  EXPECT_TRUE(refused([](auto& r) { r.mounts.resize(kMaxMounts + 1, {.host = "/a", .path = "x"}); }));
}

TEST(LaunchRequest, EveryTruncationIsRefused) {
  const std::string bytes = encode(plain_request());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_request(std::string_view(bytes).substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(decode_request(bytes + "x").has_value());
}

RC_GTEST_PROP(LaunchRequest, NeverCrashesOnAnyBytes, (const std::string& bytes)) {
  (void)decode_request(bytes).has_value();
}
RC_GTEST_PROP(LaunchReply, NeverCrashesOnAnyBytes, (const std::string& bytes)) {
  (void)decode_reply(bytes).has_value();
}

TEST(LaunchAsk, IsReadBackExactlyAndBounded) {
  const AskMessage question{.what = Ask::kSetLifetime, .serial = 7, .lifetime = Milliseconds(1500)};
  const std::string bytes = encode(question);
  EXPECT_EQ(*decode_ask(bytes), question);
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(decode_ask(std::string_view(bytes).substr(0, size)).has_value()) << size;
  EXPECT_FALSE(decode_ask(bytes + "x").has_value());
  EXPECT_FALSE(decode_ask(encode(AskMessage{.what = static_cast<Ask>(0)})).has_value());
  EXPECT_FALSE(decode_ask(encode(AskMessage{.what = static_cast<Ask>(static_cast<int>(kLastAsk) + 1)})).has_value());
  EXPECT_FALSE(decode_ask(encode(AskMessage{.lifetime = Milliseconds(-1)})).has_value());
  EXPECT_FALSE(decode_ask(encode(AskMessage{.lifetime = kMaxLifetime + Milliseconds(1)})).has_value());
}

RC_GTEST_PROP(LaunchAsk, NeverCrashesOnAnyBytes, (const std::string& bytes)) { (void)decode_ask(bytes).has_value(); }

TEST(LaunchReply, IsReadBack) {
  runtime::Attestation attestation;
  attestation.runtime = "process";
  attestation.namespaces = {"pid", "net"};
  attestation.cgroup.memory_bytes = 42;
  attestation.weaknesses = {"none of it"};
  const auto ready = decode_reply(encode(Reply(Ready{attestation})));
  ASSERT_TRUE(ready.has_value());
  const auto& again = std::get<Ready>(*ready).attestation;
  EXPECT_EQ(again.namespaces, attestation.namespaces);
  EXPECT_EQ(again.cgroup.memory_bytes, 42U);
  EXPECT_FALSE(again.cgroup.pids.has_value());
  EXPECT_EQ(again.weaknesses, attestation.weaknesses);

  EXPECT_FALSE(decode_request(encode(Reply(Ready{attestation}))).has_value());
  EXPECT_FALSE(decode_request(encode(Reply(Failed{Error(Code::kDenied, "no")}))).has_value());

  const auto failed = decode_reply(encode(Reply(Failed{Error(Code::kDenied, "no")})));
  ASSERT_TRUE(failed.has_value());
  EXPECT_EQ(std::get<Failed>(*failed).error.code(), Code::kDenied);
  EXPECT_EQ(std::get<Failed>(*failed).error.message(), "no");

  const runtime::CellReport report{.usage = {.wall = Milliseconds(5), .cpu = Milliseconds(3), .peak_memory = Bytes{7}},
                                   .memory_kills = 1,
                                   .pids_refusals = 2,
                                   .has_expired = true,
                                   .memory = Bytes{11},
                                   .pids = 12};
  const auto answer =
      decode_reply(encode(Reply(Answer{.serial = 9, .error = Error(Code::kDeadline, "late"), .report = report})));
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(std::get<Answer>(*answer).serial, 9U);
  EXPECT_EQ(std::get<Answer>(*answer).error->message(), "late");
  EXPECT_EQ(std::get<Answer>(*answer).report.memory_kills, 1U);
  EXPECT_EQ(std::get<Answer>(*answer).report.memory, Bytes{11});
  EXPECT_EQ(std::get<Answer>(*answer).report.pids, 12U);

  const auto ended = decode_reply(encode(Reply(Ended{report})));
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(std::get<Ended>(*ended).report.usage, report.usage);
  EXPECT_TRUE(std::get<Ended>(*ended).report.has_expired);
}

}  // namespace
}  // namespace brig::runtimes::process
