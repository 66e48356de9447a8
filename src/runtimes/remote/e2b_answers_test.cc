#include "runtimes/remote/e2b_answers.h"

#include <gmock/gmock.h>

#include <boost/json/value.hpp>

#include "json/json.h"
#include "runtimes/remote/answers.h"

namespace brig::runtimes::remote {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string made_with(const char* key, boost::json::value value) {
  boost::json::object made{{"sandboxID", "i8f2dc88"}, {"clientID", "local"}, {"envdVersion", "0.6.4"}};
  made[key] = std::move(value);
  return json::write(made);
}

TEST(E2bCreateBody, AsksForNoNetworkAndASoonEnd) {
  const auto body = json::parse(e2b_create_body("base", std::chrono::seconds(60)))->as_object();
  EXPECT_EQ(body.at("templateID").as_string(), "base");
  EXPECT_EQ(body.at("timeout").as_int64(), 60);
  EXPECT_FALSE(body.at("allow_internet_access").as_bool());
  EXPECT_TRUE(body.at("secure").as_bool());
  EXPECT_FALSE(body.at("autoPause").as_bool());
}

TEST(ReadE2bMade, TakesIdTokenAndDomain) {
  const auto made = read_e2b_made(
      R"({"sandboxID":"i8f2","envdAccessToken":"90d7","domain":"sbx.localhost:38443","of a later version":[1]})");
  ASSERT_TRUE(made.has_value()) << made.error().message();
  EXPECT_EQ(made->id, "i8f2");
  EXPECT_EQ(made->token, "90d7");
  EXPECT_EQ(made->domain, "sbx.localhost:38443");
  const auto little = read_e2b_made(R"({"sandboxID":"i8f2","domain":null})");
  ASSERT_TRUE(little.has_value());
  EXPECT_EQ(little->token + little->domain, "");
}

TEST(ReadE2bMade, RefusesWhatLeadsElsewhere) {
  for (const char* id : {"", "../x", "a/b", "a.b", "a b", "A", "a?x"})
    EXPECT_FALSE(read_e2b_made(made_with("sandboxID", id)).has_value()) << id;
  for (const char* domain : {"a/b", "x@y", "a b", ".", "a..b", ".a", "a.", "a:", "a:x", "a:123456", ":1", "a:1:2",
                             "[::1]", "a#b", "a?b", "A.b"})
    EXPECT_FALSE(read_e2b_made(made_with("domain", domain)).has_value()) << domain;
  const std::string endless(2'000, 'x');
  for (const char* token : {"a b", "a\r\nX-Evil: 1", "\x7f", endless.c_str()})
    EXPECT_FALSE(read_e2b_made(made_with("envdAccessToken", token)).has_value()) << token;
  for (const char* key : {"sandboxID", "domain", "envdAccessToken"})
    EXPECT_FALSE(read_e2b_made(made_with(key, 7)).has_value()) << key;
  EXPECT_FALSE(read_e2b_made("[]").has_value());
  EXPECT_FALSE(read_e2b_made("").has_value());
}

TEST(ReadE2bOnline, IsWhatTheServiceSaysOfItself) {
  EXPECT_TRUE(*read_e2b_online(R"({"allowInternetAccess":true})"));
  EXPECT_FALSE(*read_e2b_online(R"({"allowInternetAccess":false})"));
  EXPECT_TRUE(*read_e2b_online(R"({"allowInternetAccess":null})"));
  EXPECT_TRUE(*read_e2b_online("{}")) << "what it does not say it has not closed";
  EXPECT_FALSE(read_e2b_online(R"({"allowInternetAccess":"no"})").has_value());
}

TEST(EnvdUrl, IsTheSandboxsOwnName) {
  EXPECT_EQ(*envd_url({.id = "i8", .token = {}, .domain = "e2b.app"}, "api.other"), "https://49983-i8.e2b.app");
  EXPECT_EQ(*envd_url({.id = "i8", .token = {}, .domain = {}}, "api.e2b.dev"), "https://49983-i8.e2b.dev");
  EXPECT_EQ(*envd_url({.id = "i8", .token = {}, .domain = {}}, "api.local:444"), "https://49983-i8.local:444");
  const auto unsaid = envd_url({.id = "i8", .token = {}, .domain = {}}, "127.0.0.1:80");
  ASSERT_FALSE(unsaid.has_value());
  EXPECT_THAT(unsaid.error().message(), HasSubstr("--remote-sandbox-url"));
}

TEST(UploadBody, IsAFormWithOneFile) {
  const std::string body = upload_body(std::string("\0ELF", 4), "b");
  EXPECT_THAT(body, ::testing::StartsWith("--b\r\nContent-Disposition: form-data; name=\"file\"; filename="));
  EXPECT_THAT(body, ::testing::EndsWith(std::string("\r\n\r\n\0ELF\r\n--b--\r\n", 17)));
}

TEST(AloneWords, AreTheLimitsThatAProcessCanKeep) {
  policy::Limits limits;
  limits.pids = 7;
  limits.open_files = 8;
  limits.memory = {9};
  limits.disk = {10};
  EXPECT_THAT(alone_words(limits), ElementsAre("7", "8", "9", "10", "0"));
  limits.cpu_time = Milliseconds(1'001);
  EXPECT_EQ(alone_words(limits).back(), "2");
}

TEST(ExpectAskableOfE2b, LosesNoLibrary) {
  policy::Policy policy;
  EXPECT_TRUE(expect_askable_of_e2b(policy).has_value());
  policy.libraries.use = {"pandas"};
  EXPECT_TRUE(expect_askable(policy).has_value()) << "another Brig has them";
  EXPECT_EQ(expect_askable_of_e2b(policy).error().code(), Code::kUnsupported);
}

TEST(E2bAttestation, SaysWhoseWordItIsAndWhatNobodyKeeps) {
  policy::Policy policy;
  const auto a = e2b_attestation(policy, "api.h", "base", "Linux 6");
  ASSERT_TRUE(a.remote.has_value());
  EXPECT_EQ(a.remote->host, "api.h");
  EXPECT_EQ(a.boundary, policy::Boundary::kSharedKernel);
  for (const char* clause : {"memory:", "cpus:", "disk:", "network:", "system calls:", "attestation:"})
    EXPECT_THAT(a.weaknesses, Contains(::testing::StartsWith(clause)));
}

TEST(ErrorOfE2b, HasItsSentence) {
  const Error error = error_of(404, R"({"code":404,"message":"sandbox x was not found"})", "api.h");
  EXPECT_EQ(error.code(), Code::kNotFound);
  EXPECT_EQ(error.message(), "api.h says: sandbox x was not found");
}

}  // namespace
}  // namespace brig::runtimes::remote
