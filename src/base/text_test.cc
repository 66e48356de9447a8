#include "base/text.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>

namespace brig {
namespace {

TEST(Printable, NeutralisesWhatDrivesATerminal) {
  EXPECT_EQ(printable("a\x1b[2Jb\nc"), "a\\x1b[2Jb\\x0ac");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");  // C1 CSI
  EXPECT_EQ(printable("héllo"), "héllo");
  EXPECT_EQ(printable("a\u202etxt.exe"), "a\\xe2\\x80\\xaetxt.exe");
  EXPECT_EQ(printable("\u2066\u2028"), "\\xe2\\x81\\xa6\\xe2\\x80\\xa8");
  EXPECT_EQ(printable("… – שלום"), "… – שלום");
  EXPECT_EQ(printable(std::string(300, 'a'), 5), "aaaaa…");
}

RC_GTEST_PROP(Printable, HasNoControlCharactersWhateverCameIn, (const std::string& text)) {
  for (char c : printable(text)) RC_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  RC_ASSERT(is_utf8(printable(text)));
}

TEST(Utf8, FollowsTheStandard) {
  EXPECT_TRUE(is_utf8("aé€😀"));
  for (const char* text : {"\x80", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xff"}) {
    EXPECT_FALSE(is_utf8(text));
  }
}

TEST(DidYouMean, FindsTheCloseOneOnly) {
  constexpr std::array<std::string_view, 3> kWords{"memory", "timeout", "pids"};
  EXPECT_EQ(did_you_mean("memroy", kWords), " (did you mean \"memory\"?)");
  EXPECT_EQ(did_you_mean("xyzzy", kWords), "");
  constexpr std::array<std::string_view, 2> kShort{"bench", "run"};
  EXPECT_EQ(did_you_mean("rnu", kShort), " (did you mean \"run\"?)");
  EXPECT_EQ(did_you_mean("nur", kShort), "");
}

}  // namespace
}  // namespace brig
