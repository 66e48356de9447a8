#include "base/base64.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/hex.h"

namespace brig {
namespace {

TEST(Hex, HasTwoSmallDigitsAByte) {
  const std::array bytes{std::byte{0}, std::byte{0x0a}, std::byte{0xf0}, std::byte{255}};
  EXPECT_EQ(to_hex(bytes), "000af0ff");
  EXPECT_EQ(to_hex({}), "");
}

TEST(Base64, RefusesWhatIsNot) {
  EXPECT_EQ(from_base64(""), "");
  for (const char* text : {"a", "aGk", "aG k", "=aGk", "aGk\n", "aGk=aGk=", "aG-_"})
    EXPECT_FALSE(from_base64(text)) << text;
}

TEST(Base64, MatchesTheVectorsOfTheRfc) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
}

RC_GTEST_PROP(Base64, ReadsBackWhatItWrites, (const std::string& bytes)) {
  RC_ASSERT(from_base64(to_base64(bytes)) == bytes);
}

}  // namespace
}  // namespace brig
