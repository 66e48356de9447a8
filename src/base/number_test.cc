#include "base/number.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace brig {
namespace {

TEST(WholeNumber, IsTheWholeText) {
  EXPECT_EQ(whole_number<std::uint16_t>("0"), 0);
  EXPECT_EQ(whole_number<std::uint16_t>("65535"), 65535);
  EXPECT_EQ(whole_number<std::uint64_t>("18446744073709551615"), UINT64_MAX);
  for (const char* text : {"", " ", "-1", "+1", " 1", "1 ", "1.0", "0x10", "1e3", "one"})
    EXPECT_FALSE(whole_number<std::uint16_t>(text)) << text;
}

TEST(WholeNumber, IsNoneWhereItDoesNotFit) {
  EXPECT_FALSE(whole_number<std::uint16_t>("65536"));
  EXPECT_FALSE(whole_number<std::uint64_t>("18446744073709551616"));
}

}  // namespace
}  // namespace brig
