#include "service/capture.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace brig::service {
namespace {

std::size_t put(Capture& capture, std::string_view text) { return capture.append(std::as_bytes(std::span(text))); }

TEST(Capture, KeepsEverythingUpToTheLimit) {
  Capture capture(Bytes{8});
  EXPECT_EQ(put(capture, "abc"), 3U);
  EXPECT_EQ(put(capture, "def"), 1U);
  EXPECT_EQ(put(capture, "gh"), 0U);
  EXPECT_EQ(capture.elided(), 0U);
  EXPECT_EQ(capture.text(), "abcdefgh");
}

TEST(Capture, KeepsHeadAndTailAndSaysWhatIsMissing) {
  Capture capture(Bytes{8});
  for (const char* text : {"0123", "4567", "89a", "bcdef"}) put(capture, text);
  EXPECT_EQ(capture.head(), "0123");
  EXPECT_EQ(capture.tail(), "cdef");
  EXPECT_EQ(capture.total(), 16U);
  EXPECT_EQ(capture.elided(), 8U);
  EXPECT_EQ(capture.text(), "0123\n[… 8 bytes elided …]\ncdef");
}

TEST(Capture, MayKeepNothing) {
  Capture none(Bytes{0});
  put(none, "abc");
  EXPECT_EQ(none.elided(), 3U);
  Capture one(Bytes{1});
  put(one, "abc");
  EXPECT_EQ(one.head(), "a");
  EXPECT_EQ(one.elided(), 2U);
}

RC_GTEST_PROP(Capture, IsHeadAndTailOfTheWholeHoweverItIsCut, (const std::vector<std::string>& pieces)) {
  const std::size_t limit = *rc::gen::inRange<std::size_t>(0, 40);
  Capture capture(Bytes{limit});
  std::string whole;
  std::size_t live = 0;
  for (const std::string& piece : pieces) {
    live += put(capture, piece);
    whole += piece;
  }
  RC_ASSERT(capture.head() == whole.substr(0, limit - limit / 2));
  RC_ASSERT(live == capture.head().size());
  const std::string rest = whole.substr(capture.head().size());
  RC_ASSERT(capture.tail() == rest.substr(rest.size() - std::min(rest.size(), limit / 2)));
  RC_ASSERT(capture.head().size() + capture.elided() + capture.tail().size() == whole.size());
}

}  // namespace
}  // namespace brig::service
