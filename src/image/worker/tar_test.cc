#include "image/worker/tar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "image/testing/tar_maker.h"
#include "image/worker/bundle.h"
#include "image/worker/member_path.h"

namespace brig::image {
namespace {

using ::testing::HasSubstr;
using testing::TarMaker;

Result<std::vector<Member>> members_of(std::string_view text) {
  TextStream bytes(text);
  TarReader tar(bytes);
  std::vector<Member> all;
  while (auto member = TRY(tar.next())) all.push_back(*std::move(member));
  return all;
}

std::string trouble_of(std::string_view text) {
  const auto members = members_of(text);
  return members ? "none" : members.error().message();
}

TEST(Tar, HasItsMembersAndTheirContents) {
  const std::string text =
      TarMaker().folder("a/").file("a/b", "hello", 04755).symlink("l", "../x").hard_link("h", "a/b").done();
  TextStream bytes(text);
  TarReader tar(bytes);
  auto member = *tar.next();
  EXPECT_EQ(member->type, MemberType::kFolder);
  member = *tar.next();
  EXPECT_EQ(member->path, "a/b");
  EXPECT_EQ(member->mode, 04755U);
  EXPECT_EQ(member->mtime, 1'000'000'000);
  std::array<char, 100> buffer{};
  EXPECT_EQ(*tar.read_some(buffer), 5U);
  EXPECT_EQ(*tar.read_some(buffer), 0U);
  member = *tar.next();
  EXPECT_EQ(member->target, "../x");
  member = *tar.next();
  EXPECT_EQ(member->type, MemberType::kHardLink);
  EXPECT_FALSE(tar.next()->has_value());
}

TEST(Tar, TakesLongNamesInBothWays) {
  const std::string name = std::string(200, 'n') + "/ä";
  const auto pax = members_of(TarMaker().file(name, "x").done());
  ASSERT_TRUE(pax.has_value());
  EXPECT_EQ(pax->front().path, name);
  const auto gnu =
      members_of(TarMaker().extension('L', name + '\0').extension('K', "target").symlink("short", "s").done());
  ASSERT_TRUE(gnu.has_value());
  EXPECT_EQ(gnu->front().path, name);
  EXPECT_EQ(gnu->front().target, "target");
}

TEST(Tar, TakesWhatAnExtendedHeaderSays) {
  const std::string text = TarMaker::record("mtime", "1234.567") +
                           TarMaker::record("SCHILY.xattr.security.capability", "x") +
                           TarMaker::record("comment", "a = b\nc");
  const auto members = members_of(TarMaker().extension('x', text).file("f", "").file("g", "").done());
  ASSERT_TRUE(members.has_value()) << members.error().message();
  EXPECT_EQ((*members)[0].mtime, 1234);
  EXPECT_TRUE((*members)[0].has_attributes);
  EXPECT_FALSE((*members)[1].has_attributes) << "it is about one member only";
}

TEST(Tar, ThatIsBrokenIsRefused) {
  EXPECT_THAT(trouble_of(""), HasSubstr("ends too early"));
  EXPECT_THAT(trouble_of(std::string(600, 'x')), HasSubstr("checksum"));
  EXPECT_THAT(trouble_of(TarMaker().file("a", "hello").unfinished()), HasSubstr("ends too early"));
  const std::string whole = TarMaker().file("a", "hello").done();
  for (const std::size_t cut : {100U, 511U, 512U, 515U, 1023U, 1024U, 1100U})
    EXPECT_THAT(trouble_of(std::string_view(whole).substr(0, cut)), HasSubstr("ends too early")) << cut;
  EXPECT_THAT(trouble_of(TarMaker().header('0', "a", "", 1ULL << 32U, 0644).done()), HasSubstr("ends too early"));
  EXPECT_THAT(trouble_of(TarMaker().extension('x', "nonsense").file("a", "").done()), HasSubstr("malformed"));
  EXPECT_THAT(trouble_of(TarMaker().extension('x', "99 a=b\n").file("a", "").done()), HasSubstr("malformed"));
  EXPECT_THAT(trouble_of(TarMaker().extension('x', "0 a=b\n").file("a", "").done()), HasSubstr("malformed"));
  EXPECT_THAT(trouble_of(TarMaker().extension('x', TarMaker::record("size", "x")).file("a", "").done()),
              HasSubstr("no number"));
  EXPECT_THAT(
      trouble_of(TarMaker().extension('x', TarMaker::record("path", std::string("a\0b", 3))).file("a", "").done()),
      HasSubstr("NUL"));
  EXPECT_THAT(trouble_of(TarMaker().extension('g', TarMaker::record("path", "x")).file("a", "").done()),
              HasSubstr("every member"));
  EXPECT_THAT(trouble_of(TarMaker().header('x', "e", "", 1ULL << 30U, 0644).done()), HasSubstr("too long"));
  TarMaker many;
  for (int i = 0; i < 20; ++i) many.extension('x', TarMaker::record("path", "p"));
  EXPECT_THAT(trouble_of(many.file("a", "").done()), HasSubstr("more than 16 headers"));
}

TEST(Tar, OfKindsThatNoImageHasIsRefused) {
  EXPECT_THAT(trouble_of(TarMaker().member('S', "sparse", "", "", 0644).done()), HasSubstr("kind"));
  EXPECT_THAT(trouble_of(TarMaker().member('M', "volume", "", "", 0644).done()), HasSubstr("kind"));
  EXPECT_THAT(trouble_of(TarMaker().extension('x', TarMaker::record("GNU.sparse.major", "1")).file("a", "").done()),
              HasSubstr("sparse"));
}

TEST(MemberPath, StaysBelowItsFolder) {
  EXPECT_EQ(*clean_member_path("./a//b/./c/"), "a/b/c");
  EXPECT_EQ(*clean_member_path("./"), "");
  EXPECT_EQ(*clean_member_path("a/...b"), "a/...b");
  for (const std::string& bad : {std::string(), std::string("/etc"), std::string("a/../b"), std::string(".."),
                                 std::string("a\0b", 3), std::string(5000, 'a'), std::string(300, 'a')})
    EXPECT_FALSE(clean_member_path(bad).has_value()) << bad;
  std::string deep;
  for (int i = 0; i < 300; ++i) deep += "a/";
  EXPECT_FALSE(clean_member_path(deep).has_value());
}

TEST(MemberPath, OfALinkStaysInTheArchive) {
  EXPECT_EQ(*resolve_member_link("a/b", "../c/layer.tar"), "c/layer.tar");
  EXPECT_EQ(*resolve_member_link("b", "c"), "c");
  for (const char* bad : {"../../x", "/etc/passwd", "", "../../../../etc/passwd"})
    EXPECT_FALSE(resolve_member_link("a/b", bad).has_value()) << bad;
}

}  // namespace
}  // namespace brig::image
