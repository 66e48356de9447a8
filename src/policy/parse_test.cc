#include "policy/parse.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "json/utf8.h"
#include "policy/preset.h"
#include "policy/schema.h"
#include "policy/validate.h"

namespace brig::policy {
namespace {

std::string error_of(std::string_view text) {
  const auto result = parse_policy(text, "p.toml");
  return result.has_value() ? "no error" : result.error().message();
}

TEST(ParsePolicy, AnEmptyFileIsTheDefault) { EXPECT_EQ(*parse_policy("", "p"), Policy{}); }

TEST(ParsePolicy, SaysWhereTheSourceOfEachMountStands) {
  std::vector<std::string> places;
  ASSERT_TRUE(
      parse_policy("[[mount]]\nfrom = \"/a\"\nto = \"/x\"\n[[mount]]\nto = \"/y\"\nfrom = \"/b\"\n", "p.toml", &places)
          .has_value());
  EXPECT_EQ(places, (std::vector<std::string>{"p.toml:2:8", "p.toml:6:8"}));
}

TEST(ParsePolicy, ReadsEveryKey) {
  const auto policy = parse_policy(R"(preset = "strict"
[limits]
timeout = "1m"
cpu_time = "none"
memory = "512M"
cpus = 1.5
pids = 10
open_files = 100
disk = "1M"
inodes = 99
output = "2K"
output_total = "3K"
out_files = 0
[environment]
A = "x"
B = ""
[[mount]]
from = "/srv/a"
to = "/data"
[[mount]]
from = "/srv/b"
to = "/out"
access = "read-write"
danger.read_write_mount = "I understand that the sandbox can change these files"
[libraries]
allow = ["pandas", "seaborn"]
use = ["pandas"]
[network]
mode = "none"
[require]
boundary = "user-space-kernel"
weaknesses = "report"
)",
                                   "p.toml");
  ASSERT_TRUE(policy.has_value()) << policy.error().message();
  Policy expected;
  expected.limits = {.timeout = Milliseconds(60'000),
                     .cpu_time = std::nullopt,
                     .memory = mebibytes(512),
                     .cpu_millis = 1500,
                     .pids = 10,
                     .open_files = 100,
                     .disk = mebibytes(1),
                     .inodes = 99,
                     .output = kibibytes(2),
                     .output_total = kibibytes(3),
                     .out_files = 0};
  expected.libraries = {.allow = {"pandas", "seaborn"}, .use = {"pandas"}};
  expected.environment = {{"A", "x"}, {"B", ""}};
  expected.mounts = {{*HostPath::parse("/srv/a"), *GuestPath::parse("/data"), Access::kReadOnly},
                     {*HostPath::parse("/srv/b"), *GuestPath::parse("/out"), Access::kReadWrite}};
  expected.require = Boundary::kUserSpaceKernel;
  EXPECT_EQ(*policy, expected);
}

TEST(ParsePolicy, KeysThatAreNotMentionedKeepThePreset) {
  Policy expected = preset(Preset::kLenient);
  expected.limits.cpu_millis = 2000;
  EXPECT_EQ(*parse_policy("limits.cpus = 2\npreset = \"lenient\"", "p"), expected);
}

TEST(ParsePolicy, ErrorsHaveAPlaceAndAdvice) {
  EXPECT_EQ(error_of("\n[limits]\n  memori = \"1G\"\n"),
            "p.toml:3:3: unknown key \"limits.memori\" (did you mean \"memory\"?)");
  EXPECT_EQ(error_of("[limit]\npids = 1"), "p.toml:1:2: unknown key \"limit\" (did you mean \"limits\"?)");
  EXPECT_EQ(error_of("pids = 1"), "p.toml:1:1: unknown key \"pids\": it belongs in [limits]");
  EXPECT_EQ(error_of("[limits]\nmemory = 268435456"),
            "p.toml:2:10: limits.memory: expected a string such as \"256M\", found a whole number");
  EXPECT_EQ(error_of("[limits]\npids = \"64\""), "p.toml:2:8: limits.pids: expected a whole number, found a string");
  EXPECT_EQ(error_of("[limits]\npids = 1.5"),
            "p.toml:2:8: limits.pids: expected a whole number, found a number with a fraction");
  EXPECT_EQ(error_of("[limits]\npids = 0"),
            "p.toml:2:8: limits.pids: 0 is out of range: write a whole number, from 1 to 32768");
  EXPECT_EQ(error_of("[limits]\ntimeout = \"2d\""),
            "p.toml:2:11: limits.timeout: \"2d\" is out of range: write 250ms, 30s, 2m or 1h, from 1ms to 24h");
  EXPECT_EQ(error_of("[limits]\ntimeout = \"soon\""),
            "p.toml:2:11: limits.timeout: \"soon\" is not a duration: write 250ms, 30s, 2m or 1h, from 1ms to 24h");
  EXPECT_EQ(error_of("preset = \"srtict\""),
            "p.toml:1:10: preset: \"srtict\" is not a preset: write strict, default or "
            "lenient (did you mean \"strict\"?)");
  EXPECT_EQ(error_of("limits = 3"), "p.toml:1:10: limits: expected a table, found a whole number");
  EXPECT_EQ(error_of("[require]\nweaknesses = \"ignore\""),
            "p.toml:2:14: require.weaknesses: \"ignore\" is not one of the choices: write report or refuse");
  EXPECT_EQ(error_of("[network]\nmode = \"host\""),
            "p.toml:2:8: network.mode: \"host\" is not one of the choices: write none");
  EXPECT_EQ(error_of("[network]\nrules = []"), "p.toml:2:1: unknown key \"network.rules\"");
}

TEST(ParsePolicy, BadTomlHasAPlace) {
  EXPECT_TRUE(error_of("[limits]\npids = 1\npids = 2\n").starts_with("p.toml:3:"))
      << error_of("[limits]\npids = 1\npids = 2\n");
  EXPECT_TRUE(error_of("[limits]\n[limits]\n").starts_with("p.toml:2:"));
  EXPECT_TRUE(error_of("preset = strict").starts_with("p.toml:1:"));
  EXPECT_TRUE(error_of("preset = \"\xff\"").starts_with("p.toml:1:"));
  EXPECT_EQ(error_of(std::string(300 << 10, '#')), "p.toml: the TOML is longer than 256K");
}

TEST(ParsePolicy, CpusAreAnyNumberInRange) {
  for (const char* text : {"nan", "inf", "-inf", "1e300", "-1", "0", "0.01", "1025", "9223372036854775807"}) {
    EXPECT_TRUE(error_of("[limits]\ncpus = " + std::string(text)).contains("is out of range: write a number such as"))
        << text;
  }
  EXPECT_EQ(parse_policy("limits.cpus = 0.05", "p")->limits.cpu_millis, 50U);
  EXPECT_EQ(parse_policy("limits.cpus = 1024", "p")->limits.cpu_millis, 1'024'000U);
}

TEST(ParsePolicy, VariablesAreStrings) {
  EXPECT_EQ(error_of("[environment]\nA = 1"), "p.toml:2:5: environment.A: expected a string, found a whole number");
  EXPECT_EQ(error_of("[environment]\n\"A B\" = \"x\""),
            "p.toml:2:1: environment: \"A B\" cannot name a variable: use letters, "
            "digits and _, and start with no digit");
  EXPECT_EQ(error_of("[environment]\nA = \"\\u0000\""), "p.toml:2:5: environment.A: the value contains a NUL byte");
}

TEST(ParsePolicy, MountsAreChecked) {
  EXPECT_EQ(error_of("[mount]\nfrom = \"/a\""),
            "p.toml:1:1: mount: expected [[mount]], with two brackets, found a table");
  EXPECT_TRUE(error_of("[[mount]]\nfrom = \"/a\"").ends_with("mount: the key \"to\" is missing"));
  EXPECT_EQ(error_of("[[mount]]\nfrom = \"a\"\nto = \"/data\""),
            "p.toml:2:8: mount.from: the path \"a\" is not absolute (it must start with /)");
  EXPECT_TRUE(
      error_of("[[mount]]\nfrom = \"/a\"\nto = \"/etc/x\"").starts_with("p.toml:3:6: mount.to: \"/etc/x\" is in the"));
  EXPECT_EQ(error_of("[[mount]]\nfrom = \"/a\"\nto = \"/data\"\n[[mount]]\nto = \"/data\"\nfrom = \"/b\""),
            "p.toml:5:6: mount.to: two mounts are at \"/data\"");
  EXPECT_EQ(error_of("[[mount]]\nfrom = \"/a\"\nto = \"/data\"\nmode = \"rw\""),
            "p.toml:4:1: unknown key \"mount.mode\"");
  EXPECT_EQ(
      error_of("[[mount]]\nfrom = \"/a\"\nto = \"/data\"\naccess = \"readonly\""),
      "p.toml:4:10: mount.access: \"readonly\" is not one of the choices: write read-only or read-write (did you mean "
      "\"read-only\"?)");
}

TEST(ParsePolicy, WritingDemandsTheToken) {
  const std::string mount = "[[mount]]\nfrom = \"/a\"\nto = \"/data\"\n";
  EXPECT_EQ(error_of(mount + "access = \"read-write\""),
            "p.toml:4:10: mount.access: a read-write mount lets the sandbox change files of the host: add "
            "danger.read_write_mount = \"I understand that the sandbox can change these files\"");
  EXPECT_EQ(error_of(mount + "access = \"read-write\"\ndanger.read_write_mount = \"yes\""),
            "p.toml:5:27: mount.danger.read_write_mount: the value must be exactly \"I understand that the sandbox can "
            "change "
            "these files\"");
  EXPECT_TRUE(
      error_of(mount + "access = \"read-write\"\ndanger.read_write_mount = true").contains("expected a string"));
  EXPECT_TRUE(
      error_of(mount + "access = \"read-write\"\ndanger.write = \"x\"").contains("unknown key \"mount.danger.write\""));
  EXPECT_TRUE(error_of(mount + "danger.read_write_mount = \"I understand that the sandbox can change these files\"")
                  .ends_with("mount.danger: the mount is read-only: remove the token"));
}

TEST(ParsePolicy, FileNamesAreShownSafely) {
  EXPECT_TRUE(parse_policy("x = 1", "a\nb").error().message().starts_with("a\\x0ab:1:1: "));
}

TEST(ParsePolicy, NamesAWallOrAWayToChooseOne) {
  EXPECT_EQ(parse_policy("[require]\nruntime = \"gvisor\"", "p.toml")->runtime, "gvisor");
  EXPECT_EQ(parse_policy("", "p.toml")->runtime, kFastest);
  EXPECT_EQ(
      error_of("[require]\nruntime = \"Gvisor!\""),
      "p.toml:2:11: require.runtime: \"Gvisor!\" is no wall's name: brig doctor lists them; auto is the strongest "
      "that works here");
  EXPECT_TRUE(error_of("[require]\nruntime = 5").starts_with("p.toml:2:11: require.runtime: expected a string"));
}

TEST(ParsePolicy, Libraries) {
  const auto policy =
      parse_policy("[libraries]\nallow = [\"Pandas\", \"scikit_learn\"]\nuse = [\"pandas\", \"PANDAS\"]", "p.toml");
  ASSERT_TRUE(policy.has_value());
  EXPECT_EQ(policy->libraries.allow, (std::vector<std::string>{"pandas", "scikit-learn"}));
  EXPECT_EQ(policy->libraries.use, std::vector<std::string>{"pandas"});
  EXPECT_EQ(Policy().libraries.allow, std::vector<std::string>{"*"});
  EXPECT_EQ(
      error_of("[libraries]\nallow = [\"pandas\"]\nuse = [\"pandsa\"]"),
      "p.toml: libraries: the policy does not allow \"pandsa\" (did you mean \"pandas\"?): its libraries.allow has "
      "pandas");
  EXPECT_EQ(error_of("[libraries]\nuse = \"pandas\""),
            "p.toml:2:7: libraries.use: expected a list such as [\"pandas\"], found a string");
  EXPECT_EQ(error_of("[libraries]\nuse = [\"*\"]"),
            "p.toml:2:8: libraries.use: \"*\" is no package's name: letters, digits, and -, _ or . between them (no "
            "version)");
  EXPECT_EQ(error_of("[libraries]\nallowed = []"),
            "p.toml:2:1: unknown key \"libraries.allowed\" (did you mean \"allow\"?)");
}

RC_GTEST_PROP(ParsePolicy, AnyTextIsAValidPolicyOrAnError, (const std::string& text)) {
  const auto policy = parse_policy(text, "p.toml");
  RC_ASSERT((policy.has_value() ? validate(*policy).has_value() : policy.error().message().starts_with("p.toml:")));
}

Policy arbitrary_policy() {
  Policy policy;
  for (const Field& field : fields()) {
    if (!field.is_scalar()) continue;
    if (field.may_be_none && *rc::gen::arbitrary<bool>()) continue;
    field.set(policy, *rc::gen::inRange<std::int64_t>(field.least, field.most + 1));
  }
  policy.limits.output_total = std::max(policy.limits.output_total, policy.limits.output);
  policy.libraries.use = *rc::gen::element(std::vector<std::string>{}, std::vector<std::string>{"pandas", "a-b"});
  policy.libraries.allow = *rc::gen::element(std::vector<std::string>{"*"}, std::vector<std::string>{"a-b", "pandas"});
  policy.runtime = *rc::gen::element<std::string>("fastest", "auto", "process", "a-wall-of-2030");
  const auto values = *rc::gen::container<std::vector<std::string>>(rc::gen::arbitrary<std::string>());
  for (std::size_t i = 0; i < std::min<std::size_t>(values.size(), kMostMounts); ++i) {
    std::string value = json::utf8_lossy(values[i]);
    std::erase(value, '\0');
    policy.environment.push_back({"V" + std::to_string(i), value});
    std::erase_if(value, [](unsigned char c) { return c < 0x20 || c == 0x7f || c == '/'; });
    const auto path = "/data/" + std::to_string(i) + value;
    policy.mounts.push_back({*HostPath::parse(path), *GuestPath::parse(path),
                             *rc::gen::arbitrary<bool>() ? Access::kReadOnly : Access::kReadWrite});
  }
  return policy;
}

RC_GTEST_PROP(ParsePolicy, WhatIsWrittenIsReadBack, ()) {
  const Policy policy = arbitrary_policy();
  RC_ASSERT(validate(policy).has_value());
  const auto back = parse_policy(to_toml(policy), "p.toml");
  if (!back.has_value()) RC_FAIL(back.error().message());
  RC_ASSERT(*back == policy);
}

}  // namespace
}  // namespace brig::policy
