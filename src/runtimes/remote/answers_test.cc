#include "runtimes/remote/answers.h"

#include <gmock/gmock.h>

#include <boost/json/value.hpp>

#include "json/json.h"
#include "policy/preset.h"
#include "policy/schema.h"

namespace brig::runtimes::remote {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kAttestation = R"({"runtime":"process","boundary":"hardware","kernel":"Linux 6.1",
  "namespaces":["user","pid"],"user_mapping":"1000 -> 7","capabilities":"none","no_new_privs":true,
  "seccomp":{"profile_hash":"ab","default_action":"errno ENOSYS","allowed":274,"filters":1},
  "landlock":{"abi":4,"rules":12},"lsm_label":"","cgroup":{"version":"v2","memory_bytes":268435456,"pids":65,"cpu_millis":null},
  "rootfs":{"read_only":true,"image":"host"},"network":"none","weaknesses":["cpu: none"],"of a later version":1})";

boost::json::object body_of(const policy::Policy& policy, Milliseconds lifetime = Milliseconds(1500)) {
  const auto text = create_body(policy, lifetime, false);
  EXPECT_TRUE(text.has_value()) << text.error().message();
  return json::parse(*text)->as_object();
}

TEST(CreateBody, HasEveryLimitOfThePolicy) {
  const auto lenient = policy::preset(policy::Preset::kLenient);
  const auto body = body_of(lenient);
  const auto& limits = body.at("limits").as_object();
  std::size_t count = 0;
  for (const policy::Field& field : policy::fields()) {
    if (!field.is_scalar() || field.section() != "limits") continue;
    ++count;
    const auto* value = limits.if_contains(field.key());
    ASSERT_NE(value, nullptr) << field.path;
    const auto read = policy::parse_scalar(field, std::string(value->as_string()));
    ASSERT_TRUE(read.has_value()) << read.error().message();
    EXPECT_EQ(*read, field.get(lenient)) << field.path;
  }
  EXPECT_EQ(limits.size(), count);
  EXPECT_EQ(body.at("policy").as_string(), "default");
  EXPECT_DOUBLE_EQ(body.at("ttl_seconds").as_double(), 1.5);
  EXPECT_TRUE(body.at("channel").as_bool());
}

TEST(CreateBody, AsksForLibrariesByName) {
  policy::Policy policy;
  EXPECT_FALSE(body_of(policy).contains("libraries"));
  policy.libraries = {.allow = {"pandas"}, .use = {"pandas"}};
  EXPECT_EQ(body_of(policy).at("libraries"), boost::json::array({"pandas"}));
}

TEST(CreateBody, AsksForTheFloorAndForNoEnd) {
  policy::Policy policy;
  policy.require = policy::Boundary::kHardware;
  const auto body = body_of(policy, Milliseconds(0));
  EXPECT_EQ(body.at("require").as_string(), "hardware");
  EXPECT_TRUE(body.at("persistent").as_bool());
  EXPECT_FALSE(body.contains("ttl_seconds"));
}

TEST(CreateBody, RefusesWhatAnotherMachineCannotDo) {
  policy::Policy shown;
  shown.mounts.push_back({.from = *HostPath::parse("/data"), .to = *GuestPath::parse("/workspace/data")});
  const auto mount = create_body(shown, Milliseconds(1), false);
  ASSERT_FALSE(mount.has_value());
  EXPECT_EQ(mount.error().code(), Code::kUnsupported);
  EXPECT_THAT(mount.error().message(), HasSubstr("/data"));

  policy::Policy connected;
  connected.network.rules.push_back({.host = "example.com"});
  const auto network = create_body(connected, Milliseconds(1), false);
  ASSERT_FALSE(network.has_value());
  EXPECT_EQ(network.error().code(), Code::kUnsupported);
}

TEST(CreateBody, SaysNothingOfTheEnvironment) {
  policy::Policy policy;
  policy.environment.push_back({"TOKEN", "hunter2"});
  EXPECT_THAT(*create_body(policy, Milliseconds(1), false), ::testing::Not(HasSubstr("hunter2")));
}

TEST(ReadAttestation, TakesWhatTheOtherSideSays) {
  const auto a = read_attestation(kAttestation);
  ASSERT_TRUE(a.has_value()) << a.error().message();
  EXPECT_EQ(a->runtime, "process");
  EXPECT_EQ(a->boundary, policy::Boundary::kHardware);
  EXPECT_THAT(a->namespaces, ElementsAre("user", "pid"));
  EXPECT_EQ(a->cgroup.memory_bytes, 268435456U);
  EXPECT_FALSE(a->cgroup.cpu_millis.has_value());
  EXPECT_THAT(a->weaknesses, ElementsAre("cpu: none"));
}

TEST(ReadAttestation, RefusesEachMissingKeyAndWrongType) {
  const auto whole = json::parse(kAttestation)->as_object();
  for (const auto& entry : whole) {
    if (entry.key() == "of a later version") continue;
    boost::json::object without = whole;
    without.erase(entry.key());
    EXPECT_FALSE(read_attestation(json::write(without)).has_value()) << entry.key();
    boost::json::object wrong = whole;
    wrong[entry.key()] = -1;
    EXPECT_FALSE(read_attestation(json::write(wrong)).has_value()) << entry.key();
  }
}

TEST(ReadAttestation, KeepsTextsShortFewAndPrintable) {
  auto object = json::parse(kAttestation)->as_object();
  object["kernel"] = std::string(10'000, 'x') + "\x1b[31m";
  object["lsm_label"] = "\x1b]0;owned\x07";
  const auto a = read_attestation(json::write(object));
  ASSERT_TRUE(a.has_value());
  EXPECT_LE(a->kernel.size(), kTextMax + 8);
  EXPECT_THAT(a->lsm_label, ::testing::Not(HasSubstr("\x1b")));
  object["weaknesses"] = boost::json::array(kTextsMax + 1, "w");
  EXPECT_FALSE(read_attestation(json::write(object)).has_value());
}

TEST(ReadCreated, TakesIdsOnly) {
  EXPECT_EQ(*read_created(R"({"id":"abc-1","more":[]})"), "abc-1");
  for (const std::string id : {"", "../keys", "a/b", "A", "a b", "a?x", "a%2f"})
    EXPECT_FALSE(read_created(json::write(boost::json::object{{"id", id}})).has_value()) << id;
  EXPECT_FALSE(read_created(json::write(boost::json::object{{"id", std::string(65, 'a')}})).has_value());
  EXPECT_FALSE(read_created("[]").has_value());
  EXPECT_FALSE(read_created("").has_value());
}

TEST(ReadFigures, AreWholeAndNotNegative) {
  const std::string good =
      R"({"cpu_ms":5,"uptime_ms":9,"peak_memory_bytes":7,"memory_bytes":3,"pids":2,"memory_kills":1,"pids_refusals":4})";
  const auto report = read_figures(good);
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->memory_kills, 1U);
  EXPECT_EQ(report->usage.wall, Milliseconds(9));
  for (const auto& entry : json::parse(good)->as_object()) {
    auto bad = json::parse(good)->as_object();
    bad[entry.key()] = -1;
    EXPECT_FALSE(read_figures(json::write(bad)).has_value()) << entry.key();
  }
}

TEST(ErrorOf, SaysWhoSaysIt) {
  const Error denied = error_of(401, R"({"error":"no such key","code":"unauthenticated"})", "big:2744");
  EXPECT_EQ(denied.code(), Code::kDenied);
  EXPECT_THAT(denied.message(), HasSubstr("big:2744 says: no such key"));
  EXPECT_EQ(error_of(404, "", "h").code(), Code::kNotFound);
  EXPECT_EQ(error_of(400, "{}", "h").code(), Code::kUnsupported);
  EXPECT_EQ(error_of(302, "<html>", "h").code(), Code::kUnavailable);
  EXPECT_EQ(error_of(500, R"({"error":7})", "h").message(), "h answered 500");
  EXPECT_LT(error_of(503, R"({"error":")" + std::string(100'000, 'x') + "\"}", "h").message().size(), 600U);
}

}  // namespace
}  // namespace brig::runtimes::remote
