#include "service/collect.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <boost/asio/io_context.hpp>

#include "async/run.h"
#include "service/testing/fake_session.h"

namespace brig::service {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::FakeSession;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CollectTest : public ::testing::Test {
 protected:
  CollectTest() {
    std::string name = fs::temp_directory_path() / "brig-collect-XXXXXX";
    root_ = ::mkdtemp(name.data());
    out_ = root_ / "out";
  }
  ~CollectTest() override { fs::remove_all(root_); }

  Result<OutFiles> collect(CollectLimits limits = {}, std::vector<std::string> ignored = {}) {
    asio::io_context io;
    const GuestPath workspace = *GuestPath::parse("/workspace");
    auto files = TRY(run(io, list_files(session_, workspace, ignored, limits)));
    auto target = TRY(OutFolder::open(*HostPath::parse(out_.string())));
    auto done = run(io, collect_files(session_, workspace, files, target, limits));
    files_ = files;
    TRY(std::move(done));
    return files;
  }

  std::string text(const fs::path& path) const {
    std::ifstream file(out_ / path);
    std::ostringstream all;
    all << file.rdbuf();
    return all.str();
  }
  std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(fs::recursive_directory_iterator(root_), fs::recursive_directory_iterator()));
  }

  FakeSession session_;
  fs::path root_;
  fs::path out_;
  OutFiles files_;
};

TEST_F(CollectTest, BringsFilesAndTheirFolders) {
  session_.add("chart.png", "png");
  session_.add("a", "", guest::FileType::kFolder);
  session_.add("a/b.txt", "hello");
  const OutFiles files = *collect();
  ASSERT_THAT(files.files, SizeIs(2));
  EXPECT_EQ(files.files[0], (OutFile{.path = "a/b.txt", .size = Bytes{5}, .skipped = {}}));
  EXPECT_EQ(text("a/b.txt"), "hello");
  EXPECT_EQ(text("chart.png"), "png");
}

TEST_F(CollectTest, MasksModes) {
  session_.add("plain", "x", guest::FileType::kRegular, 06666);
  session_.add("tool", "x", guest::FileType::kRegular, 04711);
  ASSERT_TRUE(collect().has_value());
  EXPECT_EQ(fs::status(out_ / "plain").permissions(), fs::perms(0644));
  EXPECT_EQ(fs::status(out_ / "tool").permissions(), fs::perms(0755));
}

TEST_F(CollectTest, RefusesHostileNames) {
  for (const char* name : {"../evil", "/etc/evil", "a/../../evil", "..", ".", "", "a//b", "a/", "new\nline", "\x1b[2J",
                           "\xff\xfe", "\xc2\x9b"}) {
    session_.add(name, "x");
  }
  session_.add(std::string(256, 'n'), "x");
  session_.add(std::string("nul\0byte", 8), "x");
  std::string deep = "d";
  for (int i = 0; i < 60; ++i) deep += "/d";
  session_.add(deep, "x");
  const OutFiles files = *collect();
  EXPECT_THAT(files.files, SizeIs(15));
  for (const OutFile& file : files.files) EXPECT_FALSE(file.skipped.empty()) << file.path;
  EXPECT_EQ(entries(), 1U);  // the empty folder itself
}

TEST_F(CollectTest, SkipsWhatIsNoRegularFileAndSaysSo) {
  using enum guest::FileType;
  for (const auto type : {kSymlink, kFifo, kSocket, kCharacterDevice, kBlockDevice, kUnknown}) {
    session_.add("x" + std::to_string(static_cast<int>(type)), "secret", type);
  }
  const OutFiles files = *collect();
  ASSERT_THAT(files.files, SizeIs(6));
  EXPECT_EQ(files.files[0].skipped, "a symbolic link");
  EXPECT_EQ(files.files[1].skipped, "a pipe");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(CollectTest, LeavesInputsAndTheProgramOut) {
  session_.add("main.py", "code");
  session_.add("data", "", guest::FileType::kFolder);
  session_.add("data/in.csv", "x");
  session_.add("database", "mine");
  session_.add("mounted.csv", "x");
  session_.listing.entries.back().device = 99;
  const OutFiles files = *collect({}, {"main.py", "data"});
  ASSERT_THAT(files.files, SizeIs(1));
  EXPECT_EQ(files.files[0].path, "database");
}

TEST_F(CollectTest, NeverFollowsALinkThatLiesInTheFolder) {
  fs::create_directory(out_);
  fs::create_directory(root_ / "elsewhere");
  std::ofstream(root_ / "victim") << "precious";
  fs::create_symlink(root_ / "victim", out_ / "file");
  fs::create_directory_symlink(root_ / "elsewhere", out_ / "folder");
  session_.add("file", "new");
  session_.add("folder/inner", "new");
  const OutFiles files = *collect();
  EXPECT_EQ(text("file"), "new");
  EXPECT_FALSE(fs::is_symlink(out_ / "file"));
  EXPECT_TRUE(fs::is_empty(root_ / "elsewhere"));
  EXPECT_THAT(files.files[1].skipped, HasSubstr("in the way"));
  std::ifstream victim(root_ / "victim");
  std::string word;
  victim >> word;
  EXPECT_EQ(word, "precious");
}

TEST_F(CollectTest, ReplacesAFileAndNotAFolder) {
  fs::create_directories(out_ / "folder");
  std::ofstream(out_ / "file") << "a longer old text";
  session_.add("file", "new");
  session_.add("folder", "new");
  const OutFiles files = *collect();
  EXPECT_EQ(text("file"), "new");
  EXPECT_THAT(files.files[1].skipped, HasSubstr("is a folder"));
  EXPECT_EQ(entries(), 3U);  // nothing temporary is left
}

TEST_F(CollectTest, BoundsBytesByWhatComesAndNotByWhatIsSaid) {
  session_.add("liar", std::string(100, 'x'));
  session_.listing.entries.back().size = Bytes{1};
  session_.add("bomb", "x");
  session_.listing.entries.back().size = gibibytes(8000);
  session_.add("small", std::string(60, 'x'));
  session_.add("z-second", std::string(60, 'x'));
  const OutFiles files = *collect({.bytes = Bytes{99}});
  ASSERT_THAT(files.files, SizeIs(4));
  EXPECT_THAT(files.files[0].skipped, HasSubstr("over the limit"));
  EXPECT_THAT(files.files[1].skipped, HasSubstr("over the limit"));
  EXPECT_EQ(files.files[2].skipped, "");
  EXPECT_THAT(files.files[3].skipped, HasSubstr("over the limit of 99"));
  EXPECT_EQ(entries(), 2U);
}

TEST_F(CollectTest, TakesAFileOfExactlyTheLimit) {
  session_.add("exact", std::string(99, 'x'));
  EXPECT_EQ((*collect({.bytes = Bytes{99}})).files[0].skipped, "");
}

TEST_F(CollectTest, BoundsTheNumberOfFilesAndOfWords) {
  for (int i = 0; i < 300; ++i) session_.add("f" + std::to_string(1000 + i), "x");
  const OutFiles files = *collect({.files = 10});
  EXPECT_EQ(std::ranges::count(files.files, std::string(), &OutFile::skipped), 10);
  EXPECT_THAT(files.files, SizeIs(110));
  EXPECT_EQ(files.unlisted, 190U);
  EXPECT_EQ(entries(), 11U);
}

TEST_F(CollectTest, WritesANameOnceHoweverOftenItIsListed) {
  session_.add("twice", "x");
  session_.add("twice", "x");
  EXPECT_THAT((*collect()).files, SizeIs(1));
}

TEST_F(CollectTest, AFileThatIsAlsoAFolderHurtsNobodyElse) {
  session_.add("a", "file");
  session_.add("a/b", "inner");
  session_.add("c", "fine");
  const OutFiles files = *collect();
  EXPECT_EQ(text("a"), "file");
  EXPECT_EQ(text("c"), "fine");
  EXPECT_THAT(files.files[1].skipped, HasSubstr("in the way"));
}

TEST_F(CollectTest, AFileThatCannotBeReadIsSkippedAndLeavesNothing) {
  session_.add("a", "x");
  session_.read_errno = EACCES;
  EXPECT_THAT((*collect()).files[0].skipped, HasSubstr("Permission denied"));
  EXPECT_EQ(entries(), 1U);
}

TEST_F(CollectTest, ALostGuestIsAnError) {
  session_.add("a", "x");
  session_.is_gone = true;
  EXPECT_EQ(collect().error().code(), Code::kUnavailable);
}

TEST_F(CollectTest, AFileInPlaceOfTheFolderIsAnErrorThatNamesIt) {
  std::ofstream(out_) << "";
  const auto result = collect();
  ASSERT_FALSE(result.has_value());
  EXPECT_THAT(result.error().message(), HasSubstr(out_.string()));
}

TEST(OutFolderTest, SaysWhyAFolderCannotBeMade) {
  const auto folder = OutFolder::open(*HostPath::parse("/proc/brig/none"));
  ASSERT_FALSE(folder.has_value());
  EXPECT_EQ(folder.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(folder.error().message(), HasSubstr("make folder /proc/brig: "));
}

}  // namespace
}  // namespace brig::service
