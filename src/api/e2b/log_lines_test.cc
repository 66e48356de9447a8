#include "api/e2b/log_lines.h"

#include <gmock/gmock.h>

namespace brig::api::e2b {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(LogLines, AreTakenFromTheLastOn) {
  EXPECT_THAT(newest_lines("", 5, ""), IsEmpty());
  EXPECT_THAT(newest_lines("\n", 5, ""), ElementsAre(""));
  EXPECT_THAT(newest_lines("a\n\nb\n", 5, ""), ElementsAre("b", "", "a"));
  EXPECT_THAT(newest_lines("a\nb\nc", 2, ""), ElementsAre("c", "b"));
  EXPECT_THAT(newest_lines("a\nb\nc", 0, ""), IsEmpty());
}

TEST(LogLines, OnlyThoseWithAWordCount) {
  EXPECT_THAT(newest_lines("one\ntwo\none more\nlast\n", 2, "one"), ElementsAre("one more", "one"));
  EXPECT_THAT(newest_lines("one\ntwo\n", 2, "three"), IsEmpty());
}

TEST(LogLines, AreNoMoreThanWereAskedFor) {
  EXPECT_THAT(newest_lines(std::string(4 << 20, '\n'), 1000, ""), SizeIs(1000));
  EXPECT_THAT(newest_lines(std::string(3 * kLogLineMost, 'x'), 9, ""), ElementsAre(SizeIs(kLogLineMost)));
}

}  // namespace
}  // namespace brig::api::e2b
