#include "json/utf8.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/text.h"

namespace brig::json {
namespace {

TEST(Utf8Lossy, KeepsWellFormedText) {
  using std::string_literals::operator""s;
  for (const std::string& text : {""s, "abc"s, "naïve 漢字 🙂"s, "\0x"s}) EXPECT_EQ(utf8_lossy(text), text);
}

TEST(Utf8Lossy, WritesOneReplacementForEachMaximalPart) {
  EXPECT_EQ(utf8_lossy("a\xff"), "a\uFFFD");
  EXPECT_EQ(utf8_lossy("\xe6\xbc"), "\uFFFD");                  // a character cut short is one part
  EXPECT_EQ(utf8_lossy("\xe6\xbcz"), "\uFFFDz");                // and does not swallow what follows
  EXPECT_EQ(utf8_lossy("\xc0\x80"), "\uFFFD\uFFFD");            // overlong
  EXPECT_EQ(utf8_lossy("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD");  // surrogate
  EXPECT_EQ(utf8_lossy("\xf0\x9f\x99\x82\xf0\x9f"), "🙂\uFFFD");
}

TEST(WholeCharacters, LeavesOutTheBeginningOfOne) {
  EXPECT_EQ(whole_characters(""), 0U);
  EXPECT_EQ(whole_characters("ab"), 2U);
  EXPECT_EQ(whole_characters("a🙂"), 5U);
  EXPECT_EQ(whole_characters("a\xf0\x9f\x99"), 1U);
  EXPECT_EQ(whole_characters("a\xe6"), 1U);
  EXPECT_EQ(whole_characters("\x99\x82\x99\x82"), 4U);  // what never begins is not waited for
}

RC_GTEST_PROP(Utf8Lossy, IsAlwaysValidAndIdempotent, (const std::string& bytes)) {
  const std::string text = utf8_lossy(bytes);
  RC_ASSERT(is_utf8(text));
  RC_ASSERT(utf8_lossy(text) == text);
  if (is_utf8(bytes)) RC_ASSERT(text == bytes);
}

}  // namespace
}  // namespace brig::json
