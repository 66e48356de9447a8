#include "service/results.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

namespace brig::service {
namespace {

using ::testing::SizeIs;

void put(Results& results, std::string_view text) { results.append(std::as_bytes(std::span(text))); }

TEST(Results, TakesLinesHoweverTheyAreCut) {
  Results results;
  for (const char c : std::string(R"({"type":"result","data":{"text/plain":"5","text/html":"<b>"}})"
                                  "\n"))
    put(results, {&c, 1});
  put(results, R"({"type":"error","name":"E","value":"v","traceback":"t"})");
  results.finish();
  ASSERT_THAT(results.items(), SizeIs(1));
  EXPECT_EQ(*results.items()[0].find("text/html"), "<b>");
  EXPECT_EQ(results.items()[0].find("image/png"), nullptr);
  EXPECT_EQ(results.error()->name, "E");
  EXPECT_EQ(results.dropped(), 0U);
}

TEST(Results, DropsWhatIsMalformedAndGoesOn) {
  Results results;
  for (const char* line :
       {"nonsense", "[1]", "{}", R"({"type":"other"})", R"({"type":"result"})", R"({"type":"result","data":{}})",
        R"({"type":"result","data":{"nomime":"x"}})", R"({"type":"result","data":{"a/\nb":"x"}})",
        R"({"type":"result","data":{"a/b":{"deep":1}}})", R"({"type":"result","data":{"a/b":1}})", "\xff"}) {
    put(results, std::string(line) + "\n");
  }
  put(results, "\n{\"type\":\"result\",\"data\":{\"a/b\":\"x\"}}\n");
  EXPECT_EQ(results.dropped(), 11U);
  EXPECT_THAT(results.items(), SizeIs(1));
}

TEST(Results, ForgetsALineThatIsTooLongAndTakesTheNext) {
  Results results;
  const std::string piece(1 << 20, 'x');
  for (int i = 0; i < 40; ++i) put(results, piece);
  put(results, "\n{\"type\":\"result\",\"data\":{\"a/b\":\"x\"}}\n");
  EXPECT_EQ(results.dropped(), 1U);
  EXPECT_THAT(results.items(), SizeIs(1));
}

TEST(Lines, OneThatHasBegunCanBeSkipped) {
  Lines lines;
  std::vector<std::string> taken;
  const auto append = [&](std::string_view text) {
    lines.append(std::as_bytes(std::span(text)), [&](std::string_view line) { taken.emplace_back(line); });
  };
  append("one\ntwo");
  EXPECT_EQ(lines.held(), 3U);
  lines.skip();
  EXPECT_EQ(lines.held(), 0U);
  append(" goes on\nthree\n");
  EXPECT_THAT(taken, ::testing::ElementsAre("one", "three"));
  EXPECT_EQ(lines.dropped(), 1U);
}

TEST(Results, BoundsNumberAndBytes) {
  Results many;
  for (std::size_t i = 0; i < kResultsMax + 5; ++i) put(many, "{\"type\":\"result\",\"data\":{\"a/b\":\"x\"}}\n");
  EXPECT_THAT(many.items(), SizeIs(kResultsMax));
  EXPECT_EQ(many.dropped(), 5U);
  Results large;
  const std::string line = "{\"type\":\"result\",\"data\":{\"a/b\":\"" + std::string(9 << 20, 'x') + "\"}}\n";
  for (int i = 0; i < 5; ++i) put(large, line);
  EXPECT_THAT(large.items(), SizeIs(1));
  EXPECT_EQ(large.dropped(), 4U);
}

TEST(Results, ReadsNoLineOfManyValues) {
  Results results;
  std::string many = R"({"type":"result","data":{"a/b":"x"},"z":[0)";
  for (int i = 0; i < 100; ++i) many += ",0";
  put(results, many + "]}\n");
  EXPECT_EQ(results.dropped(), 1U);
  put(results, R"({"type":"result","data":{"a/b":")" + std::string(1000, ',') +
                   R"(\\\",[{"}})"
                   "\n");
  EXPECT_EQ(results.dropped(), 1U) << "what is inside a text is no value";
  EXPECT_THAT(results.items(), SizeIs(1));
}

TEST(Results, ReadsOnlySoMuch) {
  Results results;
  const std::string waste = "{\"type\":\"other\",\"x\":\"" + std::string(9 << 20, 'x') + "\"}\n";
  for (std::size_t i = 0; i <= kResultReadMax / waste.size(); ++i) put(results, waste);
  put(results, waste);
  put(results, "{\"type\":\"result\",\"data\":{\"a/b\":\"" + std::string(9 << 20, 'x') + "\"}}\n");
  EXPECT_THAT(results.items(), SizeIs(0));
}

}  // namespace
}  // namespace brig::service
