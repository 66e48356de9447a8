#include "json/json.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include <boost/json/value.hpp>

#include "base/text.h"

namespace brig::json {
namespace {

std::string error_of(std::string_view text, Limits limits = {}) {
  const auto result = parse(text, limits);
  return result.has_value() ? "no error: " + write(*result) : result.error().message();
}

TEST(Json, ReadsAndWritesEveryKind) {
  const std::string text = R"({"a":[1,-2,18446744073709551615,true,false,null],"b":"x\"\n","c":{}})";
  EXPECT_EQ(write(*parse(text)), text);
  EXPECT_EQ(write(*parse(" \"\\u00e9\\ud83d\\ude42\" ")), "\"é🙂\"");
}

TEST(Json, RefusesWithAPlace) {
  EXPECT_EQ(error_of(""), "1:1: the JSON ends too early");
  EXPECT_EQ(error_of("[1,"), "1:4: the JSON ends too early");
  EXPECT_EQ(error_of("{} x"), "1:4: text after the end of the JSON");
  EXPECT_EQ(error_of("{\n  \"a\": tru3\n}"), "2:8: unexpected \"t\"");
  EXPECT_EQ(error_of("[1,]"), "1:4: unexpected \"]\"");
  EXPECT_EQ(error_of("[\"é\", nil]"), "1:7: unexpected \"n\"");
  EXPECT_EQ(error_of("// no\n1"), "1:1: unexpected \"/\"");
  EXPECT_EQ(error_of("NaN"), "1:1: unexpected \"N\"");
}

TEST(Json, RefusesDuplicateKeysAtAnyDepth) {
  EXPECT_EQ(error_of("{\"a\":1,\n \"a\":2}"), "2:3: the key \"a\" appears twice");
  EXPECT_EQ(error_of(R"([{"b":{"c":1,"c":2}}])"), "1:15: the key \"c\" appears twice");
  EXPECT_TRUE(error_of(R"({"a":1,"\u0061":2})").ends_with("the key \"a\" appears twice"));
  EXPECT_TRUE(parse(R"([{"a":1},{"a":{"a":2}}])").has_value());
}

TEST(Json, RefusesNumbersThatNoDoubleHolds) {
  EXPECT_EQ(error_of("[1e400]"), "1:2: the number 1e400 is too large");
  EXPECT_EQ(error_of("[\n -1e400]"), "2:2: the number -1e400 is too large");
  EXPECT_TRUE(error_of("1e99999999999").ends_with("is too large"));
  EXPECT_EQ(parse("1e-400")->as_double(), 0);
  EXPECT_EQ(parse("0.1")->as_double(), 0.1);
}

TEST(Json, RefusesInvalidUtf8) {
  EXPECT_EQ(error_of("[\"ab\xff\"]"), "1:5: invalid UTF-8");
  EXPECT_EQ(error_of("\"\\ud800\"").substr(0, 2), "1:");
}

TEST(Json, IsBounded) {
  EXPECT_TRUE(parse("[[[]]]", {.max_bytes = 6, .max_depth = 3}).has_value());
  EXPECT_TRUE(error_of("[[[[]]]]", {.max_bytes = 100, .max_depth = 3}).ends_with("nested deeper than 3"));
  EXPECT_TRUE(error_of(std::string(1'000'000, '[')).ends_with("nested deeper than 32"));
  EXPECT_TRUE(parse(R"({"a":[1,-2,0.5,"x"],"b":null})", {.max_values = 7}).has_value());
  EXPECT_EQ(error_of(R"({"a":[1,-2,0.5,"x"],"b":null})", {.max_values = 6}), "the JSON has more than 6 values");
  const auto result = parse("[[[]]]", {.max_bytes = 5});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code(), Code::kExhausted);
}

TEST(Json, WritesProgramOutputAsValidUtf8) {
  boost::json::object object;
  object["stdout"] = "a\xff\"";
  const std::string text = write(object);
  EXPECT_EQ(text, "{\"stdout\":\"a\uFFFD\\\"\"}");
  EXPECT_TRUE(parse(text).has_value());
}

RC_GTEST_PROP(Json, NeverCrashesOnAnyText, (const std::string& text)) { (void)parse(text).has_value(); }

RC_GTEST_PROP(Json, StringsComeBack, (const std::string& bytes)) {
  boost::json::value value{boost::json::string(bytes.data(), bytes.size())};
  const std::string text = write(value);
  RC_ASSERT(is_utf8(text));
  const auto back = parse(text);
  RC_ASSERT(back.has_value());
  if (is_utf8(bytes)) RC_ASSERT(*back == value);
}

RC_GTEST_PROP(Json, DoublesComeBackExactly, (double number)) {
  RC_PRE(std::isfinite(number));
  const auto back = parse(write(Value(number)));
  RC_ASSERT(back.has_value());
  RC_ASSERT(back->to_number<double>() == number);
}

}  // namespace
}  // namespace brig::json
