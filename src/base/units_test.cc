#include "base/units.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace brig {
namespace {

TEST(Bytes, ReadsWhatPeopleWrite) {
  EXPECT_EQ(parse_bytes("4096")->count, 4096U);
  EXPECT_EQ(*parse_bytes("256M"), mebibytes(256));
  EXPECT_EQ(*parse_bytes("256MiB"), mebibytes(256));
  EXPECT_EQ(parse_bytes("1.5G")->count, 3ULL << 29);
  EXPECT_EQ(parse_bytes("0")->count, 0U);
}

TEST(Bytes, RefusesEverythingElse) {
  for (const char* text : {"", " ", "-1", "+1", "abc", "1e99", "1 M", "M", "1Q", "0x10", "nan", "inf", "1..2", ".",
                           "99999999999T", "18446744073709551616", "1M ", "１M"}) {
    const auto result = parse_bytes(text);
    ASSERT_FALSE(result.has_value()) << text;
    EXPECT_EQ(result.error().code(), Code::kInvalidArgument) << text;
  }
}

TEST(Bytes, AreRoundedForPeople) {
  EXPECT_EQ(format_rounded(Bytes{20'221'201'600}), "18.8G");
  EXPECT_EQ(format_rounded(Bytes{0}), "0");
  EXPECT_EQ(format_rounded(Bytes{1023}), "1023");
  EXPECT_EQ(format_rounded(Bytes{1024}), "1K");
  EXPECT_EQ(format_rounded(Bytes{1536}), "1.5K");
  EXPECT_EQ(format_rounded(mebibytes(256)), "256M");
  EXPECT_EQ(format_rounded(Bytes{(std::uint64_t{1} << 40) - 1}), "1023.9G");
  EXPECT_EQ(format_rounded(Bytes{UINT64_MAX}), "16777215.9T");
}

TEST(Durations, ReadWhatPeopleWrite) {
  EXPECT_EQ(parse_duration("250ms")->count(), 250);
  EXPECT_EQ(parse_duration("30s")->count(), 30'000);
  EXPECT_EQ(parse_duration("30")->count(), 30'000);
  EXPECT_EQ(parse_duration("1.5s")->count(), 1500);
  EXPECT_EQ(parse_duration("2m")->count(), 120'000);
  EXPECT_EQ(parse_duration("1h")->count(), 3'600'000);
}

TEST(Durations, RefuseEverythingElse) {
  for (const char* text : {"", "0", "0s", "-1s", "1e99", "abc", "s", "5 s", "99999999d", "0.0001s", "nan", "1y"}) {
    const auto result = parse_duration(text);
    ASSERT_FALSE(result.has_value()) << text;
    EXPECT_EQ(result.error().code(), Code::kInvalidArgument) << text;
  }
}

RC_GTEST_PROP(Bytes, FormatIsReadBackExactly, ()) {
  const auto count = *rc::gen::inRange<std::uint64_t>(0, 1ULL << 52);  // doubles are exact up to 2^53
  RC_ASSERT(parse_bytes(format(Bytes{count}))->count == count);
}

RC_GTEST_PROP(Durations, FormatIsReadBackExactly, ()) {
  const auto count = *rc::gen::inRange<std::int64_t>(1, 10LL * 365 * 86'400'000);
  RC_ASSERT(parse_duration(format(Milliseconds(count)))->count() == count);
}

RC_GTEST_PROP(Bytes, NeverCrashesOnAnyText, (const std::string& text)) { (void)parse_bytes(text).has_value(); }

}  // namespace
}  // namespace brig
