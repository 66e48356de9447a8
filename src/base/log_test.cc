#include "base/log.h"

#include <gtest/gtest.h>

namespace brig {
namespace {

TEST(Log, IsOneLineOfJson) {
  EXPECT_EQ(format_log(wall_time(0), Severity::kWarning, "sandbox.ended",
                       {{"id", "a"}, {"count", std::int64_t{-3}}, {"is_good", true}}),
            "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"warning\",\"event\":\"sandbox.ended\",\"id\":\"a\","
            "\"count\":-3,\"is_good\":true}\n");
}

TEST(Log, AValueFromAGuestStaysAValue) {
  const std::string line =
      format_log(wall_time(0), Severity::kInfo, "x", {{"name", "a\"}\n{\"event\":\"forged\"\\\x1b[31m"}});
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
  EXPECT_NE(line.find("a\\\"}"), std::string::npos);
}

TEST(Log, ALongValueIsCut) {
  EXPECT_LT(format_log(wall_time(0), Severity::kInfo, "x", {{"name", std::string(100'000, 'x')}}).size(), 1000U);
}

}  // namespace
}  // namespace brig
