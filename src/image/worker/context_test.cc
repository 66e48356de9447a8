#include "image/worker/context.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/testing/packed.h"
#include "image/testing/scratch_folder.h"
#include "image/testing/tar_maker.h"
#include "sys/file.h"

namespace brig::image {
namespace {

using ::testing::HasSubstr;
using testing::TarMaker;

class ContextTest : public ::testing::Test {
 protected:
  ContextTest() {
    scratch_.write("outside", "untouched");
    (void)::mkdir((scratch_ / "root").c_str(), 0755);
    root_ = *sys::open(scratch_ / "root", O_RDONLY | O_DIRECTORY);
  }
  void give(const TarMaker& tar) {
    scratch_.write("context", tar.done());
    tar_ = *sys::open(scratch_ / "context", O_RDONLY);
  }
  std::string copy(std::vector<std::string> sources, const std::string& to, const PlanStep& more = {}) {
    PlanStep step = more;
    step.kind = StepKind::kCopy;
    step.sources = std::move(sources);
    step.destination = to;
    const auto context = Context::open(tar_.ref());
    if (!context) return context.error().message();
    const auto done = copy_into(root_.ref(), tar_.ref(), *context, step);
    EXPECT_EQ(scratch_.text("outside"), "untouched");
    return done ? "none" : done.error().message();
  }
  [[nodiscard]] std::string text(const std::string& path) const { return scratch_.text("root/" + path); }
  [[nodiscard]] bool has(const std::string& path) const { return scratch_.has("root/" + path); }

  testing::ScratchFolder scratch_;
  Fd root_;
  Fd tar_;
};

TarMaker files() {
  return TarMaker()
      .folder("./")
      .file("./a", "1")
      .folder("./d/")
      .file("./d/x.py", "2")
      .file("./d/y.txt", "3")
      .file("./tmp/t", "4")
      .hard_link("./h", "./a");
}

TEST_F(ContextTest, CopiesAsADockerfileSays) {
  give(files());
  EXPECT_EQ(copy({"a"}, "/one/two"), "none");
  EXPECT_EQ(text("one/two"), "1") << "a file to a name";
  EXPECT_EQ(copy({"a", "h"}, "/one/dir/"), "none");
  EXPECT_EQ(text("one/dir/a") + text("one/dir/h"), "11");
  EXPECT_EQ(copy({"a"}, "/one/dir"), "none");
  EXPECT_EQ(text("one/dir/a"), "1") << "a file into a folder that is there";
  EXPECT_EQ(copy({"d"}, "/dest"), "none");
  EXPECT_EQ(text("dest/x.py"), "2") << "what is in a folder, not the folder";
  EXPECT_EQ(copy({"*/*.py"}, "/pattern/"), "none");
  EXPECT_TRUE(has("pattern/x.py") && !has("pattern/y.txt"));
  EXPECT_EQ(copy({"."}, "/app/"), "none");
  EXPECT_EQ(text("app/d/y.txt") + text("app/tmp/t"), "34") << "a folder tmp of the program's own as well";
}

TEST_F(ContextTest, LeavesOutWhatIsIgnored) {
  give(files().file(".dockerignore", "d\n!d/x.py\n"));
  EXPECT_EQ(copy({"."}, "/all/"), "none");
  EXPECT_TRUE(has("all/d/x.py") && !has("all/d/y.txt") && has("all/a"));
  EXPECT_THAT(copy({"d/y.txt"}, "/x"), HasSubstr(".dockerignore leaves it out"));
}

TEST_F(ContextTest, NothingIsCopiedBesideAnIgnoreListThatIsTooLong) {
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += "x" + std::to_string(i) + "\n";
  give(files().file(".dockerignore", lines + "a\n"));
  EXPECT_THAT(copy({"a"}, "/a"), HasSubstr(".dockerignore: it has more than 1000 patterns"));
  EXPECT_FALSE(has("a"));
}

TEST_F(ContextTest, LinksOfTheRootAreFollowedInsideItOnly) {
  give(files());
  EXPECT_EQ(copy({"a"}, "/usr/lib/"), "none");
  ASSERT_EQ(::symlink("/usr/lib", (scratch_ / "root/lib").c_str()), 0);
  ASSERT_EQ(::symlink("../../../..", (scratch_ / "root/up").c_str()), 0);
  EXPECT_EQ(copy({"d/x.py"}, "/lib/"), "none");
  EXPECT_EQ(text("usr/lib/x.py"), "2");
  EXPECT_EQ(copy({"a"}, "/up/outside"), "none");
  EXPECT_EQ(text("outside"), "1") << "the root's own";
  EXPECT_EQ(copy({"a"}, "/up/../../x/"), "none");
  EXPECT_FALSE(scratch_.has("x"));
}

TEST_F(ContextTest, NothingComesFromOutside) {
  give(files().symlink("out", "../outside"));
  EXPECT_THAT(copy({"../outside"}, "/x"), HasSubstr("leads out"));
  EXPECT_THAT(copy({"nothing"}, "/x"), HasSubstr("not in the context"));
  EXPECT_EQ(copy({"out"}, "/x"), "none");
  EXPECT_TRUE(S_ISLNK(scratch_.status("root/x").st_mode)) << "a link is a link";
}

TEST_F(ContextTest, AddsWhatIsInArchives) {
  give(files()
           .file("t.tar.gz", testing::gzip(TarMaker().file("in/side", "5").done()))
           .file("e.tar", TarMaker().file("../e", "x").done()));
  PlanStep add;
  add.unpacks = true;
  EXPECT_EQ(copy({"t.tar.gz"}, "/un/", add), "none");
  EXPECT_EQ(text("un/in/side"), "5");
  EXPECT_EQ(copy({"t.tar.gz"}, "/packed/"), "none");
  EXPECT_TRUE(has("packed/t.tar.gz"));
  EXPECT_THAT(copy({"e.tar"}, "/un/", add), HasSubstr("leads out of its folder"));
}

TEST_F(ContextTest, TextsAndModes) {
  give(files());
  PlanStep step;
  step.texts = {{"file", "text"}};
  step.mode = 0755;
  EXPECT_EQ(copy({}, "/etc/named", step), "none");
  EXPECT_EQ(text("etc/named"), "text");
  EXPECT_EQ(scratch_.status("root/etc/named").st_mode & 0777U, 0755U);
}

TEST_F(ContextTest, SaysWhatIsLeftOutOnce) {
  give(TarMaker()
           .file(".dockerignore", "out\n*.pyc\nmixed\n!mixed/kept\n.dockerignore\n")
           .folder("out/")
           .folder("out/deep/")
           .file("out/deep/a", "1")
           .file("out-of-the-way", "1")
           .folder("mixed/")
           .file("mixed/kept", "1")
           .file("mixed/lost", "1")
           .file("x.pyc", "1"));
  const auto context = Context::open(tar_.ref());
  ASSERT_TRUE(context.has_value()) << context.error().message();
  EXPECT_EQ(context->ignored(), (std::vector<std::string>{".dockerignore", "mixed/lost", "out", "x.pyc"}));
}

}  // namespace
}  // namespace brig::image
