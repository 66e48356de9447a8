#include "base/terminal_text.h"

#include <gtest/gtest.h>

namespace brig {
namespace {

std::string shown(std::string_view text) { return TerminalText().take(text); }

TEST(TerminalText, ShowsTextAndColours) {
  const std::string text = "a\tb\r\nä € \U0001F600 \xc2\xa0 \x1b[31mred\x1b[1;38:5:4mmore\x1b[m";
  EXPECT_EQ(shown(text), text);
}

TEST(TerminalText, DropsWhatATerminalObeys) {
  EXPECT_EQ(shown("a\x1b]0;title\x07"
                  "b\x1b]52;c;aGk=\x1b\\c"),
            "abc");
  EXPECT_EQ(shown("a\x1b[6nb\x1b[cc\x1b[2Jd\x1b[1;1He\x1b[?1049hf\x1b[>4mg\x1b[0 mh"), "abcdefgh");
  EXPECT_EQ(shown("a\x1bP$q\x1b\\b\x1b_x\x1b\\c\x1b"
                  "cd\x1b(0e\x1bZf"),
            "abcdef");
  EXPECT_EQ(shown("a\xc2\x9b"
                  "6nb\x9b\x85"
                  "c\x08\x7f\x07\x0e"
                  "d"),
            "a6nbcd");
  EXPECT_EQ(shown(std::string("a\x1b[") + std::string(200, '1') + "mb"), "ab");
}

TEST(TerminalText, IsTheSameHoweverItIsCut) {
  const std::string text =
      "ä\x1b[31mred\x1b]0;t\x1b\\x\xc2\x9by\x1b[6n€\x1b]0;never ended\nz\x1b\x1b[1mw\x1b]a\x1b[6nv";
  TerminalText one_by_one;
  std::string whole;
  for (const char c : text) whole += one_by_one.take({&c, 1});
  EXPECT_EQ(whole, shown(text));
  EXPECT_EQ(whole, "ä\x1b[31mredxy€\nz\x1b[1mwv");
}

TEST(TerminalText, GivesTheColoursBack) {
  TerminalText text;
  text.take("plain");
  EXPECT_EQ(text.end(), "");
  text.take("\x1b[8mhidden\x1b]");
  EXPECT_EQ(text.end(), "\x1b[0m");
  EXPECT_EQ(text.end(), "");
  EXPECT_EQ(text.take("on"), "on");
}

}  // namespace
}  // namespace brig
