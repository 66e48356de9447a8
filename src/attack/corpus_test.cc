#include "attack/corpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace brig::attack {
namespace {

using testing::HasSubstr;

TEST(Corpus, ReadsLines) {
  const auto snippets = parse_corpus(
      "{\"category\": 1, \"item\": \"a\", \"code\": \"x\\ny\", \"expected\": \"z\"}\n\n"
      "{\"category\":\"files\",\"item\":2,\"code\":\"\"}");
  ASSERT_TRUE(snippets.has_value()) << snippets.error().message();
  ASSERT_EQ(snippets->size(), 2U);
  EXPECT_EQ(snippets->at(0).category, "1");
  EXPECT_EQ(snippets->at(0).item, "a");
  EXPECT_EQ(snippets->at(0).code, "x\ny");
  EXPECT_EQ(snippets->at(1).category, "files");
}

TEST(Corpus, NamesTheLineThatIsWrong) {
  for (const char* text : {"{\"category\":1,\"item\":1,\"code\":\"x\"}\n{",
                           "{\"category\":1,\"item\":1,\"code\":\"x\"}\n{\"item\":1,\"code\":\"x\"}",
                           "{\"category\":1,\"item\":1,\"code\":\"x\"}\n{\"category\":1,\"item\":1,\"code\":5}"}) {
    const auto snippets = parse_corpus(text);
    ASSERT_FALSE(snippets.has_value()) << text;
    EXPECT_EQ(snippets.error().code(), Code::kInvalidArgument);
    EXPECT_THAT(snippets.error().message(), HasSubstr("line 2"));
  }
}

TEST(Corpus, EmptyIsAnError) { EXPECT_FALSE(parse_corpus("\n\n").has_value()); }

}  // namespace
}  // namespace brig::attack
