#include "json/toml.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "json/utf8.h"

namespace brig::json {
namespace {

std::string error_of(std::string_view text, TomlLimits limits = {}) {
  const auto result = parse_toml(text, limits);
  return result.has_value() ? "no error" : result.error().message();
}

TEST(Toml, KeepsOrderAndPlaces) {
  const auto root = parse_toml("z = 1\na = \"é\"\n[t]\n  k = [true, 1.5]\nd = 2020-01-01\n");
  ASSERT_TRUE(root.has_value());
  const auto& table = *root->as<TomlTable>();
  ASSERT_EQ(table.size(), 3U);
  EXPECT_EQ(table[0].key, "z");
  EXPECT_EQ(table[1].key, "a");
  EXPECT_EQ(*table[1].value.as<std::string>(), "é");
  EXPECT_EQ(to_string(table[1].place), "2:1");
  EXPECT_EQ(to_string(table[1].value.place), "2:5");
  const TomlValue* k = root->find("t")->find("k");
  ASSERT_NE(k, nullptr);
  EXPECT_EQ(to_string(k->place), "4:7");
  EXPECT_EQ(k->as<TomlArray>()->size(), 2U);
  EXPECT_EQ(k->as<TomlArray>()->at(1).kind(), "a number with a fraction");
  EXPECT_EQ(root->find("t")->find("d")->kind(), "a date or a time");
  EXPECT_EQ(root->find("nothing"), nullptr);
}

TEST(Toml, ErrorsHaveAPlace) {
  EXPECT_EQ(error_of("a = 1\nb = \n").substr(0, 2), "2:");
  EXPECT_EQ(error_of("a = 1\na = 2\n").substr(0, 2), "2:");
  EXPECT_EQ(error_of("a = \"\xff\"").substr(0, 2), "1:");
  EXPECT_EQ(error_of("a = 99999999999999999999").substr(0, 2), "1:");
}

TEST(Toml, IsBounded) {
  const auto too_long = parse_toml("a = 1", {.max_bytes = 4});
  ASSERT_FALSE(too_long.has_value());
  EXPECT_EQ(too_long.error().code(), Code::kExhausted);

  EXPECT_EQ(error_of("a.b.c = 1", {.max_depth = 3}), "no error");
  EXPECT_EQ(error_of("a.b.c.d = 1", {.max_depth = 3}), "1:6: a key has more than 3 parts");
  EXPECT_EQ(error_of("a = { b = { c = { d = 1 } } }", {.max_depth = 3}), "no error");
  EXPECT_EQ(error_of("a = { b = { c = { d = {} } } }", {.max_depth = 3}),
            "1:23: tables and arrays are nested too deeply");
  std::string dots = "a";
  for (int i = 0; i < 100'000; ++i) dots += ".a";
  EXPECT_EQ(error_of("x = '''\n'''\n[" + dots + "]"), "3:33: a key has more than 16 parts");
  EXPECT_EQ(error_of("x = \"\"\"q\\\"\"\"\"\"\"\n" + dots + " = 1"), "2:32: a key has more than 16 parts");
  EXPECT_NE(error_of("a = " + std::string(100'000, '[')), "no error");
}

TEST(Toml, DotsInStringsAndCommentsAreNoKeys) {
  const std::string dots(100, '.');
  EXPECT_EQ(error_of("a = \"" + dots + "\" # " + dots + "\nb = '" + dots + "'\nc = '''" + dots + "\n''" + dots +
                     "'''\nd = \"\"\"\\\"\"\"" + dots + "\"\"\"\"\"\n" + "e = [1.5, 1.5]\n"),
            "no error");
}

TEST(Toml, ReadsTheWholeLanguage) {
  const auto root = parse_toml(
      "i = [1_000, -17, +5, 0, 0xFF, 0o17, 0b101, 9223372036854775807,]\r\n"
      "f = [1.5, -0.5e3, 1e6, 6.02_2E+2, inf, -inf, nan]\n"
      "s = [\"\\b\\t\\n\\f\\r\\\"\\\\\\u00e9\\U0001F642\", 'C:\\x']\n"
      "m = \"\"\"\n one \\\n   two\n\"\"quoted\"\"\"\"\"\n"
      "l = '''\nraw\\n'''\n"
      "d = [1979-05-27T07:32:00Z, 1979-05-27 07:32:00.5, 07:32:00]\n"
      "t = { a = 1, b.c = [ # comment\n 2,\n ] }\n");
  ASSERT_TRUE(root.has_value()) << root.error().message();
  std::vector<std::int64_t> integers;
  for (const auto& item : *root->find("i")->as<TomlArray>()) integers.push_back(*item.as<std::int64_t>());
  EXPECT_EQ(integers, (std::vector<std::int64_t>{1000, -17, 5, 0, 255, 15, 5, INT64_MAX}));
  const auto& numbers = *root->find("f")->as<TomlArray>();
  EXPECT_EQ(*numbers[1].as<double>(), -500);
  EXPECT_EQ(*numbers[3].as<double>(), 602.2);
  EXPECT_EQ(*numbers[5].as<double>(), -HUGE_VAL);
  EXPECT_TRUE(std::isnan(*numbers[6].as<double>()));
  EXPECT_EQ(*root->find("s")->as<TomlArray>()->at(0).as<std::string>(), "\b\t\n\f\r\"\\é🙂");
  EXPECT_EQ(*root->find("s")->as<TomlArray>()->at(1).as<std::string>(), "C:\\x");
  EXPECT_EQ(*root->find("m")->as<std::string>(), " one two\n\"\"quoted\"\"");
  EXPECT_EQ(*root->find("l")->as<std::string>(), "raw\\n");
  EXPECT_EQ(root->find("d")->as<TomlArray>()->size(), 3U);
  EXPECT_EQ(root->find("t")->find("b")->find("c")->as<TomlArray>()->size(), 1U);
}

TEST(Toml, TablesMayBeAddedToOnlyWhereTomlSaysSo) {
  for (const char* text :
       {"[a.b]\n[a]\n", "[a]\n[a.b]\n", "[a]\nb.c = 1\nb.d = 2\n", "a.b = 1\n[a.c]\n", "[[a]]\n[[a]]\n",
        "[[a]]\n[a.b]\n[[a]]\n[a.b]\n", "[a.b]\n[[a.c]]\n", "\"\" = 1\n", "1.2 = 3\n", "[ a . \"b\" ]\n"}) {
    EXPECT_EQ(error_of(text), "no error") << text;
  }
  for (const char* text :
       {"a = 1\na = 2\n", "a = 1\n\"a\" = 2\n", "[a]\n[a]\n", "a.b = 1\n[a]\n", "a = {}\n[a]\n", "a = {}\n[a.b]\n",
        "a = {}\na.b = 1\n", "a = []\n[[a]]\n", "[[a]]\n[a]\n", "[a]\n[[a]]\n", "[a.b]\n[a]\nb.c = 1\n",
        "a = 1\na.b = 2\n", "[a.b]\n[[a]]\n", "a = { b = 1, b = 2 }\n", "a = { b = 1, b.c = 2 }\n"}) {
    EXPECT_TRUE(error_of(text).ends_with("appears twice")) << text << error_of(text);
  }
}

TEST(Toml, RefusesWhatIsNotToml) {
  for (const char* text : {"a",
                           "a =",
                           "= 1",
                           "a = 1 b = 2",
                           "[a",
                           "[a]]",
                           "[[a]",
                           "[]",
                           "[)]",
                           "[a.]",
                           "a. = 1",
                           ".a = 1",
                           "\u02e2",
                           "é = 1",
                           "a = b",
                           "a = True",
                           "a = 01",
                           "a = 1.",
                           "a = .5",
                           "a = 1__0",
                           "a = _1",
                           "a = 1_",
                           "a = 0x",
                           "a = 0x-1",
                           "a = -0x1",
                           "a = 1e400",
                           "a = 9223372036854775808",
                           "a = \"x",
                           "a = 'x",
                           "a = \"\"\"x",
                           "a = \"\\q\"",
                           "a = \"\\ud800\"",
                           "a = \"\\u12\"",
                           "a = \"\\U00110000\"",
                           "a = \"\n\"",
                           "a = [1",
                           "a = [1 2]",
                           "a = [,]",
                           "a = {b}",
                           "a = {b = 1",
                           "a = {b = 1,}",
                           "a = {,}",
                           "a = {b = 1\n}",
                           "a = \"\x01\"",
                           "# \x01",
                           "a = 1\r",
                           "\"\"\"a\"\"\" = 1",
                           "a = --1",
                           "a = +-1",
                           "a = 1.5.5",
                           "a = 1e",
                           "a = 1e5.5",
                           "a = 1_.5",
                           "a = 1._5",
                           "a = 1_e5",
                           "a = 1e_5"}) {
    EXPECT_NE(error_of(text), "no error") << text;
    EXPECT_EQ(error_of(text).substr(1, 1), ":") << text;
  }
  EXPECT_EQ(error_of("a = b"), "1:5: \"b\" is not a value: text needs quotes");
  EXPECT_EQ(error_of("a 1"), "1:3: expected = after the key, found \"1\"");
  EXPECT_EQ(error_of("é = 1"), "1:1: expected a key, found \"é\"");
  EXPECT_EQ(error_of("a = 1\n\nb = 'x\n"), "3:5: the string is not closed");
  EXPECT_EQ(error_of("a = 1e400"), "1:5: \"1e400\" is not a value or out of range");
}

RC_GTEST_PROP(Toml, NeverCrashesOnAnyText, (const std::string& text)) { (void)parse_toml(text).has_value(); }

RC_GTEST_PROP(Toml, QuotedStringsComeBack, (const std::string& bytes)) {
  const std::string text = utf8_lossy(bytes);
  const auto root = parse_toml("a = " + toml_quoted(text));
  RC_ASSERT(root.has_value());
  RC_ASSERT(*root->find("a")->as<std::string>() == text);
}

}  // namespace
}  // namespace brig::json
