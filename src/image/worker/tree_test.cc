#include "image/worker/tree.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "image/testing/scratch_folder.h"
#include "image/testing/tar_maker.h"
#include "sys/file.h"

namespace brig::image {
namespace {

using ::testing::HasSubstr;
using testing::TarMaker;

class TreeTest : public ::testing::Test {
 protected:
  TreeTest() {
    scratch_.write("outside", "untouched");
    (void)::mkdir((scratch_ / "tree").c_str(), 0755);
    folder_ = *sys::open(scratch_ / "tree", O_RDONLY | O_DIRECTORY);
    tree_.emplace(folder_.ref(), TreeBounds{.members = 1000, .bytes = 100'000});
  }
  Result<> layer(const TarMaker& maker, Whiteouts whiteouts = Whiteouts::kHide) {
    const std::string text = maker.done();
    TextStream bytes(text);
    TarReader tar(bytes);
    tree_->begin_layer(whiteouts);
    const Contents contents = [&tar](std::span<char> buffer) { return tar.read_some(buffer); };
    while (const auto member = TRY(tar.next())) TRY(tree_->add(*member, contents));
    return {};
  }
  std::string trouble(const TarMaker& maker) {
    const auto done = layer(maker);
    EXPECT_EQ(scratch_.text("outside"), "untouched");
    return done ? "none" : done.error().message();
  }
  [[nodiscard]] bool has(const std::string& path) const { return scratch_.has("tree/" + path); }
  [[nodiscard]] std::string text(const std::string& path) const { return scratch_.text("tree/" + path); }
  [[nodiscard]] unsigned mode(const std::string& path) const {
    return scratch_.status("tree/" + path).st_mode & 07777U;
  }

  testing::ScratchFolder scratch_;
  Fd folder_;
  std::optional<Tree> tree_;
};

TEST_F(TreeTest, HasWhatItsLayersHave) {
  ASSERT_TRUE(layer(
      TarMaker().folder("./").folder("usr/").file("usr/a", "1").file("usr/b", "1", 0755).symlink("bin", "usr/bin")));
  ASSERT_TRUE(layer(TarMaker().file("usr/a", "2").file("opt/deep/c", "3").hard_link("opt/b", "usr/b")));
  ASSERT_TRUE(tree_->finish());
  EXPECT_EQ(text("usr/a"), "2");
  EXPECT_EQ(text("opt/deep/c"), "3");
  EXPECT_EQ(mode("usr/a"), 0644U);
  EXPECT_EQ(mode("opt/b"), 0755U);
  EXPECT_EQ(scratch_.status("tree/opt/b").st_nlink, 2U);
  EXPECT_EQ(scratch_.status("tree/usr/a").st_mtime, 1'000'000'000);
  EXPECT_EQ(scratch_.status("tree/usr").st_mtime, 1'000'000'000) << "also after files were put into it";
  EXPECT_EQ(scratch_.status("tree/opt").st_mtime, 0) << "nobody said";
  EXPECT_EQ(tree_->counts().files, 8U);
}

TEST_F(TreeTest, AKindReplacesAnother) {
  ASSERT_TRUE(layer(TarMaker().folder("x/").file("x/y", "1").file("f", "1").symlink("l", "/outside")));
  ASSERT_TRUE(layer(TarMaker().file("x", "now a file").folder("f/").file("l", "now a file")));
  EXPECT_EQ(text("x"), "now a file");
  EXPECT_TRUE(S_ISDIR(scratch_.status("tree/f").st_mode));
  EXPECT_EQ(text("l"), "now a file");
}

TEST_F(TreeTest, NothingIsWrittenOutside) {
  const std::string out = scratch_ / "outside";
  EXPECT_THAT(trouble(TarMaker().file("../outside", "gotcha")), HasSubstr("leads out of its folder"));
  EXPECT_THAT(trouble(TarMaker().file("a/../../outside", "gotcha")), HasSubstr("leads out of its folder"));
  EXPECT_THAT(trouble(TarMaker().file(out, "gotcha")), HasSubstr("is absolute"));
  EXPECT_THAT(trouble(TarMaker().symlink("up", "..").file("up/outside", "gotcha")),
              HasSubstr("links are not followed"));
  EXPECT_THAT(trouble(TarMaker().folder("e/").symlink("e/up", "../..").file("e/up/x/outside", "gotcha")),
              HasSubstr("symbolic link"));
  EXPECT_THAT(trouble(TarMaker().symlink("abs", scratch_.path()).file("abs/outside", "gotcha")),
              HasSubstr("links are not followed"));
  EXPECT_THAT(trouble(TarMaker().folder("d/").symlink("d/up", "../..").folder("d/up/new/")),
              HasSubstr("links are not followed"));
  EXPECT_EQ(trouble(TarMaker().symlink("direct", "../outside").file("direct", "gotcha")), "none")
      << "the link is replaced";
  EXPECT_EQ(text("direct"), "gotcha");
  EXPECT_FALSE(scratch_.has("new"));
}

TEST_F(TreeTest, HardLinksLeadOnlyToFilesOfTheImage) {
  EXPECT_THAT(trouble(TarMaker().hard_link("a", "../outside")), HasSubstr("no file of the image"));
  EXPECT_THAT(trouble(TarMaker().hard_link("a", scratch_ / "outside")), HasSubstr("no file of the image"));
  EXPECT_THAT(trouble(TarMaker().symlink("up", "..").hard_link("a", "up/outside")), HasSubstr("no file of the image"));
  EXPECT_THAT(trouble(TarMaker().hard_link("a", "missing")), HasSubstr("no file of the image"));
  EXPECT_THAT(trouble(TarMaker().folder("d/").hard_link("a", "d")), HasSubstr("no file of the image"));
  EXPECT_THAT(trouble(TarMaker().file("s", "x").hard_link("s", "s")), HasSubstr("to itself"));
  EXPECT_THAT(trouble(TarMaker().folder("e/").file("e/f", "x").hard_link("e", "e/f")), HasSubstr("in itself"));
  EXPECT_EQ(trouble(TarMaker().symlink("l", "../outside").hard_link("m", "l").file("m", "gotcha")), "none");
  EXPECT_EQ(text("m"), "gotcha") << "a link to a link is a link, and is replaced like one";
}

TEST_F(TreeTest, DevicesSetIdBitsAndAttributesAreLeftOutAndCounted) {
  ASSERT_TRUE(layer(TarMaker()
                        .member('3', "null", "", "", 0666)
                        .member('4', "sda", "", "", 0660)
                        .member('6', "pipe", "", "", 0644)
                        .file("su", "x", 06755)
                        .extension('x', TarMaker::record("SCHILY.xattr.security.capability", "x"))
                        .file("ping", "x", 0755)
                        .file("sticky", "x", 01000)));
  EXPECT_FALSE(has("null") || has("sda") || has("pipe"));
  EXPECT_EQ(mode("su"), 0755U);
  EXPECT_EQ(mode("sticky"), 0644U);
  EXPECT_EQ(tree_->counts().devices, 2U);
  EXPECT_EQ(tree_->counts().pipes, 1U);
  EXPECT_EQ(tree_->counts().set_ids, 1U);
  EXPECT_EQ(tree_->counts().attributes, 1U);
}

TEST_F(TreeTest, WhiteoutsHideWhatIsBelow) {
  ASSERT_TRUE(
      layer(TarMaker().file("a/keep", "1").file("a/gone", "1").file("b/old", "1").file("b/c/old", "1").file("d", "1")));
  ASSERT_TRUE(layer(TarMaker()
                        .file("a/.wh.gone", "")
                        .file("b/new", "2")
                        .file("b/.wh..wh..opq", "")
                        .file("b/c/new", "2")
                        .file(".wh.d", "")
                        .file(".wh.never", "")
                        .file("nowhere/.wh.x", "")));
  EXPECT_TRUE(has("a/keep"));
  EXPECT_FALSE(has("a/gone") || has("b/old") || has("b/c/old") || has("d"));
  EXPECT_EQ(text("b/new"), "2") << "an opaque mark hides nothing of its own layer, whatever comes first";
  EXPECT_EQ(text("b/c/new"), "2");
  EXPECT_FALSE(has("a/.wh.gone") || has("nowhere"));
}

TEST_F(TreeTest, AWhiteoutSparesWhatItsOwnLayerBrings) {
  ASSERT_TRUE(layer(TarMaker().file("x/old", "1").file("y", "1")));
  ASSERT_TRUE(layer(TarMaker().file("x/new", "2").file(".wh.x", "").file("y", "2").file(".wh.y", "")));
  EXPECT_FALSE(has("x/old"));
  EXPECT_EQ(text("x/new"), "2");
  EXPECT_EQ(text("y"), "2");
}

TEST_F(TreeTest, WhiteoutTricksReachNothing) {
  EXPECT_THAT(trouble(TarMaker().file(".wh.", "")), HasSubstr("hides nothing"));
  EXPECT_THAT(trouble(TarMaker().file("a/.wh...", "")), HasSubstr("hides nothing"));
  EXPECT_THAT(trouble(TarMaker().file("a/.wh..", "")), HasSubstr("hides nothing"));
  ASSERT_TRUE(layer(TarMaker().symlink("up", "..").file("f", "1")));
  EXPECT_EQ(trouble(TarMaker().file("up/.wh.outside", "")), "none") << "a link has nothing to hide either";
  EXPECT_EQ(trouble(TarMaker().file("up/.wh..wh..opq", "")), "none");
  EXPECT_THAT(trouble(TarMaker().file("up/x/.wh.outside", "")), HasSubstr("symbolic link"));
  EXPECT_EQ(trouble(TarMaker().file("f/.wh.x", "")), "none") << "a file has nothing to hide";
  EXPECT_EQ(trouble(TarMaker().file(".wh.up", "")), "none");
  EXPECT_FALSE(has("up"));
  EXPECT_TRUE(scratch_.has("outside"));
  EXPECT_EQ(trouble(TarMaker().file(".wh..wh.plnk", "x").folder(".wh..wh.aufs/")), "none") << "an old builder's marks";
  EXPECT_FALSE(has(".wh..wh.plnk") || has(".wh..wh.aufs"));
}

TEST_F(TreeTest, PlainFilesMayBeCalledLikeWhiteouts) {
  ASSERT_TRUE(layer(TarMaker().file("x", "1"), Whiteouts::kPlain));
  ASSERT_TRUE(layer(TarMaker().file(".wh.x", "2"), Whiteouts::kPlain));
  EXPECT_TRUE(has("x") && has(".wh.x"));
}

TEST_F(TreeTest, BoundsHold) {
  EXPECT_THAT(trouble(TarMaker().file("big", std::string(100'001, 'x'))), HasSubstr("MB of files"));
  TarMaker many;
  for (int i = 0; i < 1001; ++i) many.file("f" + std::to_string(i), "");
  EXPECT_THAT(trouble(many), HasSubstr("more than 1000 members"));
}

TEST_F(TreeTest, FitsAsARoot) {
  ASSERT_TRUE(layer(TarMaker()
                        .file("etc/passwd", "root:x:0:0::/:/bin/sh\nuser:x:33:33::/:/bin/sh\n")
                        .symlink("etc/resolv.conf", "/run/resolv.conf")
                        .folder("etc/hosts/")
                        .symlink("etc/mtab", "../outside")
                        .folder("var/tmp/")
                        .file("var/tmp/x", "1")
                        .file("proc/self/x", "1")
                        .file("dev/null", "1")));
  ASSERT_TRUE(tree_->fit().has_value());
  EXPECT_EQ(text("etc/passwd"), "root:x:0:0::/:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n");
  EXPECT_EQ(text("etc/group"), "root:x:0:\nuser:x:1000:\n");
  EXPECT_EQ(text("etc/resolv.conf"), "# no network\n");
  EXPECT_EQ(text("etc/hosts"), "127.0.0.1 localhost brig\n::1 localhost\n");
  for (const char* place : {"dev", "proc", "sys", "tmp", "run", "home/user", "workspace"})
    EXPECT_TRUE(has(place)) << place;
  EXPECT_FALSE(has("proc/self") || has("dev/null"));
  EXPECT_TRUE(S_ISLNK(scratch_.status("tree/var/tmp").st_mode));
  EXPECT_EQ(tree_->counts().covered, 2U);
  EXPECT_EQ(scratch_.text("outside"), "untouched");
}

TEST_F(TreeTest, AUser1000OfTheImageKeepsItsName) {
  ASSERT_TRUE(
      layer(TarMaker().file("etc/passwd", "node:x:1000:1000::/home/node:/bin/bash").file("etc/group", "node:x:1000:")));
  ASSERT_TRUE(tree_->fit().has_value());
  EXPECT_EQ(text("etc/passwd"), "node:x:1000:1000::/home/node:/bin/bash");
  EXPECT_EQ(text("etc/group"), "node:x:1000:");
}

TEST_F(TreeTest, WhoseEtcLeadsElsewhereIsNoRoot) {
  ASSERT_TRUE(layer(TarMaker().symlink("etc", "..")));
  EXPECT_FALSE(tree_->fit().has_value());
  EXPECT_FALSE(scratch_.has("passwd"));
}

TEST_F(TreeTest, FindsProgramsThroughTheImagesOwnLinks) {
  ASSERT_TRUE(layer(TarMaker()
                        .file("usr/bin/python3.11", "x", 0755)
                        .symlink("usr/bin/python3", "python3.11")
                        .symlink("bin", "/usr/bin")
                        .symlink("usr/bin/sh", "/../../../../bin/sh")
                        .file("usr/bin/data", "x")));
  EXPECT_TRUE(tree_->has_program("/usr/bin/python3"));
  EXPECT_TRUE(tree_->has_program("/bin/python3"));
  EXPECT_FALSE(tree_->has_program("/usr/bin/data"));
  EXPECT_FALSE(tree_->has_program("/bin/sh")) << "the host's is none of the image's";
}

}  // namespace
}  // namespace brig::image
