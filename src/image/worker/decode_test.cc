#include "image/worker/decode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "image/testing/packed.h"

namespace brig::image {
namespace {

using testing::gzip;
using ::testing::HasSubstr;
using testing::zstd;

Result<std::string> decoded(std::string_view packed, Unfolding bounds = {}) {
  TextStream bytes(packed);
  const auto plain = TRY(decode(bytes, bounds));
  return read_whole(*plain, std::size_t{1} << 30);
}

TEST(Decode, TellsTheFormatByItsFirstBytes) {
  const std::string text(300'000, 'x');
  EXPECT_EQ(*decoded(text), text);
  EXPECT_EQ(*decoded(gzip(text)), text);
  EXPECT_EQ(*decoded(zstd(text)), text);
  EXPECT_EQ(*decoded(""), "");
  EXPECT_EQ(*decoded("x"), "x");
}

TEST(Decode, SeveralMembersAreOneStream) {
  EXPECT_EQ(*decoded(gzip("one ") + gzip("two")), "one two");
  EXPECT_EQ(*decoded(zstd("one ") + zstd("two")), "one two");
}

TEST(Decode, ThatIsBrokenIsRefused) {
  for (const std::string& whole : {gzip(std::string(1000, 'x') + "end"), zstd(std::string(1000, 'x') + "end")}) {
    for (std::size_t cut = 4; cut < whole.size(); ++cut) EXPECT_FALSE(decoded(whole.substr(0, cut)).has_value()) << cut;
    EXPECT_FALSE(decoded(whole + "garbage").has_value());
  }
  EXPECT_THAT(decoded("\xfd"
                      "7zXZ____")
                  .error()
                  .message(),
              HasSubstr("xz"));
}

TEST(Decode, DoesNotUnfoldABomb) {
  const Unfolding bounds{.most = 50'000'000, .free = 100'000, .ratio = 200};
  EXPECT_THAT(decoded(gzip(std::string(10'000'000, '\0')), bounds).error().message(), HasSubstr("decompression bomb"));
  EXPECT_THAT(decoded(zstd(std::string(10'000'000, '\0')), bounds).error().message(), HasSubstr("decompression bomb"));
  EXPECT_TRUE(decoded(gzip(std::string(99'000, '\0')), bounds).has_value()) << "small ones are harmless";
  EXPECT_THAT(decoded(std::string(1000, 'x'), {.most = 999}).error().message(), HasSubstr("more than"));
}

TEST(Decode, HashesOnTheWay) {
  TextStream bytes("hello");
  HashingStream hashed(bytes);
  std::array<char, 2> two{};
  EXPECT_EQ(*hashed.read_some(two), 2U);
  EXPECT_EQ(*hashed.finish(), "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  EXPECT_EQ(hashed.count(), 5U);
}

}  // namespace
}  // namespace brig::image
