#include "json/toml.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

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
  EXPECT_EQ(error_of("a = { b = { c = { d = {} } } }", {.max_depth = 3}), "1:23: tables and arrays are nested too deeply");
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

RC_GTEST_PROP(Toml, NeverCrashesOnAnyText, (const std::string& text)) { (void)parse_toml(text).has_value(); }

RC_GTEST_PROP(Toml, QuotedStringsComeBack, (const std::string& bytes)) {
  const std::string text = utf8_lossy(bytes);
  const auto root = parse_toml("a = " + toml_quoted(text));
  RC_ASSERT(root.has_value());
  RC_ASSERT(*root->find("a")->as<std::string>() == text);
}

}  // namespace
}  // namespace brig::json
