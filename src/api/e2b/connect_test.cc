#include "api/e2b/connect.h"

#include <gmock/gmock.h>

#include <cerrno>

#include <boost/json/value.hpp>

#include "api/common/caller.h"
#include "json/json.h"

namespace brig::api::e2b {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

TEST(ConnectErrors, HaveTheProtocolsNamesAndItsStatus) {
  const auto expect = [](const Error& error, std::string_view code, int status) {
    const RpcStatus is = rpc_status_of(error);
    EXPECT_EQ(is.code, code) << error.message();
    EXPECT_EQ(is.http, status) << error.message();
  };
  expect(Error(Code::kInvalidArgument, "x"), "invalid_argument", 400);
  expect(Error(Code::kNotFound, "x"), "not_found", 404);
  expect(Error(Code::kDenied, "x"), "unauthenticated", 401);
  expect(Error(Code::kConflict, "x"), "failed_precondition", 400);
  expect(Error(Code::kExhausted, "x"), "resource_exhausted", 429);
  expect(Error(Code::kUnsupported, "x"), "unimplemented", 501);
  expect(Error(Code::kDeadline, "x"), "deadline_exceeded", 504);
  expect(Error(Code::kCancelled, "x"), "canceled", 499);
  expect(Error(Code::kUnavailable, "x"), "unavailable", 503);
  expect(Error(Code::kInternal, "x"), "internal", 500);
  // What the sandbox's kernel has refused is no business of who may call.
  expect(Error::system(EACCES, "x"), "permission_denied", 403);
  expect(Error::system(ENOENT, "x"), "not_found", 404);
  expect(Error::system(EEXIST, "x"), "already_exists", 409);
  expect(Error::system(ENOTDIR, "x"), "invalid_argument", 400);
  expect(Error::system(ENOSPC, "x"), "resource_exhausted", 429);
  expect(Error::system(EIO, "x"), "internal", 500);
}

TEST(ConnectErrors, AreTwoTexts) {
  EXPECT_EQ(json::write(rpc_error(Error(Code::kNotFound, "no \"x\""))), R"({"code":"not_found","message":"no \"x\""})");
  EXPECT_EQ(json::write(rpc_error(Error(Code::kDenied, std::string(kUnauthenticated) + "invalid username: 'x'"))),
            R"({"code":"unauthenticated","message":"invalid username: 'x'"})");
}

TEST(ConnectMessages, AreObjectsWithinBounds) {
  EXPECT_TRUE(read_message("{}"));
  for (const std::string& bad :
       {std::string("[]"), std::string(""), std::string("{"), std::string("null"), std::string("\"x\""),
        std::string(kMessageMax + 1, ' '), std::string(kMessageDepth + 1, '[')})
    EXPECT_FALSE(read_message(bad)) << bad.substr(0, 20);
}

TEST(ConnectMessages, ComeOneInABodyIfOnlyTheAnswerStreams) {
  const auto good = read_only_message(http::enveloped(R"({"a":1})"));
  ASSERT_TRUE(good) << good.error().message();
  EXPECT_EQ(json::write(*good), R"({"a":1})");
  EXPECT_TRUE(read_only_message(http::enveloped("")));
  for (const std::string& bad :
       {std::string(), std::string("{}"), http::enveloped("{}") + http::enveloped("{}"), http::enveloped_end("{}"),
        http::enveloped("{}").substr(0, 6), std::string("\x01\0\0\0\x02{}", 7), std::string("\0\xff\xff\xff\xff", 5),
        http::enveloped("{}") + "x"}) {
    const auto read = read_only_message(bad);
    ASSERT_FALSE(read) << bad;
    EXPECT_EQ(read.error().code(), Code::kInvalidArgument);
  }
}

TEST(ConnectTimes, AreReadStrictly) {
  EXPECT_FALSE(read_times({})->timeout);
  EXPECT_EQ(read_times({})->keepalive, 90s);
  EXPECT_EQ(read_times({{"Connect-Timeout-Ms", "60000"}})->timeout, 60s);
  EXPECT_FALSE(read_times({{"Connect-Timeout-Ms", "0"}})->timeout);
  EXPECT_EQ(read_times({{"Connect-Timeout-Ms", "9999999999"}})->timeout, 9'999'999'999ms);
  for (const char* bad : {"", "-1", "1.5", "10s", " 1", "10000000000", "99999999999999999999"})
    EXPECT_FALSE(read_times({{"Connect-Timeout-Ms", bad}})) << bad;
  EXPECT_EQ(read_times({{"Keepalive-Ping-Interval", "50"}})->keepalive, 50s);
  EXPECT_EQ(read_times({{"Keepalive-Ping-Interval", "9999999"}})->keepalive, 3'600s);
  for (const char* odd : {"0", "x", "-1"}) EXPECT_EQ(read_times({{"Keepalive-Ping-Interval", odd}})->keepalive, 90s);
}

}  // namespace
}  // namespace brig::api::e2b
