#include "policy/overrides.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "policy/validate.h"

namespace brig::policy {
namespace {

std::string error_of(const Overrides& overrides) {
  const auto result = apply(Policy{}, overrides, "/home/me");
  return result.has_value() ? "no error" : result.error().message();
}

TEST(Overrides, OfTheMemoryAloneKeepTheScratchInIt) {
  EXPECT_LT(apply(Policy{}, {.memory = "64M"}, "/")->limits.disk, mebibytes(64));
  EXPECT_EQ(apply(Policy{}, {.memory = "64M", .disk = "100M"}, "/")->limits.disk, mebibytes(100));
}

TEST(Overrides, LibrariesAreAddedAndMustBeAllowed) {
  Policy policy;
  policy.libraries = {.allow = {"pandas", "seaborn"}, .use = {"pandas"}};
  EXPECT_EQ(apply(policy, {.lib = {"Seaborn,pandas"}}, "/")->libraries.use,
            (std::vector<std::string>{"pandas", "seaborn"}));
  const auto refused = apply(policy, {.lib = {"seabron"}}, "/");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::kDenied);
  EXPECT_EQ(error_of({.lib = {"pandas,"}}),
            "--lib: \"\" is no package's name: letters, digits, and -, _ or . between them (no version)");
  EXPECT_EQ(error_of({.lib = {"pandas==2.0"}}),
            "--lib: \"pandas==2.0\" is no package's name: letters, digits, and -, _ or . between them (no version)");
}

TEST(Overrides, ChangeWhatTheyNameAndNothingElse) {
  Overrides overrides;
  overrides.timeout = "5s";
  overrides.cpu_time = "2s";
  overrides.memory = "64M";
  overrides.cpus = "0.5";
  overrides.pids = "7";
  overrides.disk = "1M";
  overrides.output = "4K";
  overrides.require = "hardware";
  overrides.runtime = "gvisor";
  overrides.is_weakness_refused = true;
  Policy expected;
  expected.limits.timeout = Milliseconds(5000);
  expected.limits.cpu_time = Milliseconds(2000);
  expected.limits.memory = mebibytes(64);
  expected.limits.cpu_millis = 500;
  expected.limits.pids = 7;
  expected.limits.disk = mebibytes(1);
  expected.limits.output = kibibytes(4);
  expected.require = Boundary::kHardware;
  expected.runtime = "gvisor";
  expected.on_weakness = OnWeakness::kRefuse;
  EXPECT_EQ(*apply(Policy{}, overrides, "/"), expected);
  EXPECT_EQ(*apply(expected, Overrides{}, "/"), expected);
}

TEST(Overrides, ErrorsNameTheFlag) {
  EXPECT_EQ(error_of({.timeout = "0"}),
            "--timeout: \"0\" is not a duration: write 250ms, 30s, 2m or 1h, from 1ms to 24h");
  EXPECT_TRUE(error_of({.cpu_time = "x"}).starts_with("--cpu-time: \"x\" is not a duration"));
  EXPECT_TRUE(error_of({.memory = "1e99"}).starts_with("--memory: \"1e99\" is not a size"));
  EXPECT_TRUE(error_of({.cpus = "-1"}).starts_with("--cpus: \"-1\" is not a number of processors"));
  EXPECT_TRUE(error_of({.pids = "0"}).starts_with("--pids: \"0\" is out of range"));
  EXPECT_TRUE(error_of({.disk = "1"}).starts_with("--disk: \"1\" is out of range"));
  EXPECT_TRUE(error_of({.output = "junk"}).starts_with("--output: \"junk\" is not a size"));
  EXPECT_TRUE(error_of({.runtime = "../sh"}).starts_with("--runtime: \"../sh\" is no wall's name"));
  EXPECT_TRUE(error_of({.require = "kernel"}).starts_with("--require: \"kernel\" is not one of the choices"));
  EXPECT_TRUE(error_of({.in = {"/etc:/etc"}}).starts_with("--in: mount.to: "));
  EXPECT_TRUE(error_of({.in = {"a/x", "b/x"}}).starts_with("--in: mount.to: two mounts are at \"/workspace/x\""));
  EXPECT_EQ(error_of({.env = {"HOME"}}),
            "--env: \"HOME\" has no value: write NAME=VALUE (the host's environment never enters by itself)");
  EXPECT_TRUE(error_of({.env = {"=x"}}).starts_with("--env: environment: \"\" cannot name a variable"));
}

TEST(Overrides, ALargerOutputRaisesTheTotal) {
  Policy policy;
  policy.limits.output_total = mebibytes(2);
  EXPECT_EQ(apply(policy, {.output = "8M"}, "/")->limits.output_total, mebibytes(8));
  EXPECT_EQ(apply(policy, {.output = "1K"}, "/")->limits.output_total, mebibytes(2));
}

TEST(Overrides, TheLaterVariableWins) {
  Policy policy;
  policy.environment = {{"A", "file"}, {"B", "file"}};
  const auto result = apply(policy, {.env = {"A=1", "C=x=y", "A=2", "D="}}, "/");
  const std::vector<Variable> expected{{"A", "2"}, {"B", "file"}, {"C", "x=y"}, {"D", ""}};
  EXPECT_EQ(result->environment, expected);
}

struct InCase {
  const char* text;
  const char* from;
  const char* to;
};

class ParseIn : public testing::TestWithParam<InCase> {};

TEST_P(ParseIn, SplitsAtTheLastColonSlash) {
  const auto mount = parse_in(GetParam().text, "/home/me");
  ASSERT_TRUE(mount.has_value()) << mount.error().message();
  EXPECT_EQ(mount->from.text(), GetParam().from);
  EXPECT_EQ(mount->to.text(), GetParam().to);
  EXPECT_EQ(mount->access, Access::kReadOnly);
}

INSTANTIATE_TEST_SUITE_P(Texts, ParseIn,
                         testing::Values(InCase{"data.csv", "/home/me/data.csv", "/workspace/data.csv"},
                                         InCase{"/srv/data/", "/srv/data", "/workspace/data"},
                                         InCase{".", "/home/me", "/workspace/me"},
                                         InCase{"../x", "/home/x", "/workspace/x"},
                                         InCase{"data:/d", "/home/me/data", "/d"},
                                         InCase{"a:b", "/home/me/a:b", "/workspace/a:b"},
                                         InCase{"a:b:/c", "/home/me/a:b", "/c"}, InCase{"/a:/b:/c", "/a:/b", "/c"}));

TEST(ParseInErrors, SayWhatIsWrong) {
  const auto error = [](std::string_view text) { return parse_in(text, "/home/me").error().message(); };
  EXPECT_EQ(error(""), "the path is empty");
  EXPECT_EQ(error(":/x"), "the path is empty");
  EXPECT_EQ(error("/"), "\"/\" has no name to show inside: write HOST:/GUEST");
  EXPECT_EQ(error("a:/b/../c"), "the path \"/b/../c\" contains \"..\"");
  EXPECT_EQ(error("a\nb"), "the path contains a control character");
}

RC_GTEST_PROP(Overrides, AnyTextIsAValidPolicyOrAnError, (const std::string& text)) {
  Overrides overrides;
  overrides.in = {text};
  overrides.env = {text};
  const auto result = apply(Policy{}, overrides, "/home/me");
  RC_ASSERT((result.has_value() ? validate(*result).has_value() : !result.error().message().empty()));
  for (auto member :
       {&Overrides::timeout, &Overrides::memory, &Overrides::cpus, &Overrides::pids, &Overrides::require}) {
    Overrides one;
    one.*member = text;
    (void)apply(Policy{}, one, "/").has_value();
  }
}

}  // namespace
}  // namespace brig::policy
