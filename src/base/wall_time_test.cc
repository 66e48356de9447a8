#include "base/wall_time.h"

#include <gtest/gtest.h>

namespace brig {
namespace {

TEST(WallTime, IsShownAsRfc3339) {
  EXPECT_EQ(format(wall_time(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format(wall_time(1'795'245'574'123)), "2026-11-21T07:19:34.123Z");
  EXPECT_EQ(format(wall_time(951'782'400'000)), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(format(wall_time(-1)), "1969-12-31T23:59:59.999Z");
}

TEST(WallTime, BeyondTheCalendarIsTheNearestThatHasFourDigits) {
  EXPECT_EQ(format(wall_time(INT64_MAX)), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(format(wall_time(INT64_MIN)), "0000-01-01T00:00:00.000Z");
}

TEST(WallTime, NowIsAfterThisWasWritten) { EXPECT_GT(wall_now(), wall_time(1'700'000'000'000)); }

}  // namespace
}  // namespace brig
