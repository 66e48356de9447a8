#include "policy/schema.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <set>

#include "base/testing/golden.h"
#include "policy/preset.h"
#include "policy/validate.h"

namespace brig::policy {
namespace {

std::string error_of(std::string_view path, std::string_view text) {
  const auto result = parse_scalar(*find_field(path), text);
  return result.has_value() ? "no error" : result.error().message();
}

TEST(Schema, TheReferenceIsUpToDate) { expect_golden("docs/policy.md", reference_markdown()); }

TEST(Schema, EveryRowIsWhole) {
  std::set<std::string_view> paths;
  for (const Field& field : fields()) {
    EXPECT_TRUE(paths.insert(field.path).second) << field.path;
    EXPECT_TRUE(field.doc.ends_with('.')) << field.path;
    EXPECT_EQ(field.get == nullptr, field.set == nullptr) << field.path;
    EXPECT_EQ(find_field(field.path), &field);
    if (!field.is_scalar()) continue;
    EXPECT_LT(field.least, field.most + (field.kind == Kind::kChoice ? 1 : 0)) << field.path;
    for (std::string_view name : kPresetNames) {
      EXPECT_TRUE(check_range(field, field.get(preset(*find_preset(name)))).has_value())
          << field.path << " in " << name;
    }
    // Each row reaches a member of its own: both ends of its range come back, and no other row moves.
    for (const std::int64_t value : {field.least, field.most}) {
      Policy policy;
      field.set(policy, value);
      EXPECT_EQ(field.get(policy), Scalar(value)) << field.path;
      for (const Field& other : fields()) {
        if (&other != &field && other.is_scalar()) EXPECT_EQ(other.get(policy), other.get(Policy{})) << other.path;
      }
    }
  }
}

TEST(Schema, ChoicesAreTheWordsOfTheEnumerators) {
  const auto words = [](std::string_view path) { return find_field(path)->choices; };
  for (std::size_t i = 0; i < words("require.boundary").size(); ++i) {
    EXPECT_EQ(words("require.boundary")[i], to_string(static_cast<Boundary>(i)));
  }
  for (std::size_t i = 0; i < words("require.weaknesses").size(); ++i) {
    EXPECT_EQ(words("require.weaknesses")[i], to_string(static_cast<OnWeakness>(i)));
  }
  EXPECT_EQ(words("network.mode")[0], to_string(NetworkMode::kNone));
  EXPECT_EQ(words("mount.access")[0], to_string(Access::kReadOnly));
  EXPECT_EQ(words("mount.access")[1], to_string(Access::kReadWrite));
}

TEST(Schema, PresetsAreValidAndOrdered) {
  for (std::string_view name : kPresetNames) EXPECT_TRUE(validate(preset(*find_preset(name))).has_value()) << name;
  EXPECT_EQ(preset(Preset::kDefault), Policy{});
  EXPECT_EQ(preset(Preset::kStrict).on_weakness, OnWeakness::kRefuse);
  EXPECT_FALSE(find_preset("Strict").has_value());
  for (const Field& field : fields()) {
    if (!field.is_scalar() || field.kind == Kind::kChoice || field.may_be_none) continue;
    EXPECT_LT(field.get(preset(Preset::kStrict)), field.get(Policy{})) << field.path;
    EXPECT_LT(field.get(Policy{}), field.get(preset(Preset::kLenient))) << field.path;
  }
}

TEST(Schema, ErrorsQuoteTheTextAndSayWhatToWrite) {
  EXPECT_EQ(error_of("limits.memory", "lots"),
            "\"lots\" is not a size: write a number of bytes, 64K, 256M or 1.5G, from 4M to 16T");
  EXPECT_EQ(error_of("limits.memory", "1M"),
            "\"1M\" is out of range: write a number of bytes, 64K, 256M or 1.5G, from 4M to 16T");
  EXPECT_EQ(error_of("limits.timeout", "25h"), "\"25h\" is out of range: write 250ms, 30s, 2m or 1h, from 1ms to 24h");
  EXPECT_EQ(error_of("limits.timeout", "0"), "\"0\" is not a duration: write 250ms, 30s, 2m or 1h, from 1ms to 24h");
  EXPECT_EQ(error_of("limits.cpu_time", "x"),
            "\"x\" is not a duration: write 250ms, 30s, 2m or 1h, from 1ms to 24h, or none");
  EXPECT_EQ(error_of("limits.cpus", "0.01"),
            "\"0.01\" is out of range: write a number such as 0.5 or 2, from 0.05 to 1024");
  EXPECT_EQ(error_of("limits.pids", "99999999999999999999"),
            "\"99999999999999999999\" is out of range: write a whole number, from 1 to 32768");
  EXPECT_EQ(error_of("require.boundary", "hardwear"),
            "\"hardwear\" is not one of the choices: write shared-kernel, user-space-kernel or hardware (did you mean "
            "\"hardware\"?)");
}

TEST(Schema, ANumberIsSecondsBytesProcessorsOrACount) {
  const auto of = [](std::string_view path, double number) { return scalar_of(*find_field(path), number); };
  EXPECT_EQ(*of("limits.timeout", 2.5), 2500);
  EXPECT_EQ(*of("limits.cpus", 0.5), 500);
  EXPECT_EQ(*of("limits.memory", 1 << 29), 1 << 29);
  EXPECT_EQ(*of("limits.pids", 7), 7);
  for (const double wrong : {-1.0, 0.0, 1e300, std::numeric_limits<double>::quiet_NaN()})
    EXPECT_NE(of("limits.timeout", wrong).error().message().find("out of range"), std::string::npos) << wrong;
}

TEST(Schema, RefusesWhatIsNoNumber) {
  for (const char* text :
       {"", " ", "-1", "+1", "1e3", "0x10", "1.", ".5", "1.5.5", "1.2345", "nan", "inf", "1 ", "１"}) {
    EXPECT_NE(error_of("limits.cpus", text), "no error") << text;
    EXPECT_NE(error_of("limits.pids", text), "no error") << text;
  }
  EXPECT_NE(error_of("limits.pids", "1.0"), "no error");
}

RC_GTEST_PROP(Schema, WhatIsFormattedIsReadBack, ()) {
  const Field* chosen = *rc::gen::elementOf(std::vector<const Field*>{
      find_field("limits.timeout"), find_field("limits.memory"), find_field("limits.cpus"), find_field("limits.pids"),
      find_field("limits.cpu_time"), find_field("require.boundary")});
  const Field& field = *chosen;
  const auto value = *rc::gen::inRange<std::int64_t>(field.least, field.most + 1);
  const auto back = parse_scalar(field, format_scalar(field, value));
  RC_ASSERT(back.has_value());
  RC_ASSERT(*back == Scalar(value));
}

RC_GTEST_PROP(Schema, NeverCrashesOnAnyText, (const std::string& text)) {
  for (const Field& field : fields()) {
    if (field.is_scalar()) (void)parse_scalar(field, text).has_value();
  }
}

}  // namespace
}  // namespace brig::policy
