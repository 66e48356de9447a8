#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "agent_process.h"

namespace brig::guest {
namespace {

namespace fs = std::filesystem;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

class FilesTest : public SessionTest {
 protected:
  FilesTest() {
    std::string name = "/tmp/brig-files-XXXXXX";
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  ~FilesTest() override { fs::remove_all(root_); }
  [[nodiscard]] GuestPath path(const std::string& name) const { return *GuestPath::parse(root_ + "/" + name); }
  [[nodiscard]] std::string contents(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(root_ + "/" + name).rdbuf();
    return text.str();
  }
  Result<std::string> read(const std::string& name, std::uint64_t offset = 0, std::uint64_t limit = UINT64_MAX) {
    std::string text;
    TRY(await(session_->read_file(path(name), offset, limit, [&](std::span<const std::byte> bytes) -> Result<> {
      text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      return {};
    })));
    return text;
  }
  int error_of(const auto& result) { return result.has_value() ? 0 : result.error().os_error(); }

  std::string root_;
};

TEST_F(FilesTest, WritesWithModeAndParents) {
  EXPECT_EQ(error_of(await(session_->write_file(path("a/b/c"), bytes_of("text"), {}))), ENOENT);
  EXPECT_EQ(
      error_of(await(session_->write_file(path("a/b/c"), bytes_of("text"), {.mode = 0750, .creates_parents = true}))),
      0);
  EXPECT_EQ(contents("a/b/c"), "text");
  EXPECT_EQ(static_cast<unsigned>(fs::status(root_ + "/a/b/c").permissions()), 0750U);
  EXPECT_EQ(error_of(await(session_->write_file(path("a/b/c"), bytes_of("x"), {.is_exclusive = true}))), EEXIST);
  EXPECT_EQ(error_of(await(session_->write_file(path("a/b/c"), bytes_of(""), {}))), 0);
  EXPECT_EQ(contents("a/b/c"), "");
}

TEST_F(FilesTest, BigFilesGoBothWays) {
  std::string text(3'000'000, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * 2654435761U >> 24);
  ASSERT_EQ(error_of(await(session_->write_file(path("big"), bytes_of(text), {}))), 0);
  EXPECT_TRUE(contents("big") == text);
  EXPECT_TRUE(*read("big") == text);
  EXPECT_TRUE(*read("big", 1'000'000, 500'000) == text.substr(1'000'000, 500'000));
  EXPECT_EQ(*read("big", 5'000'000), "");
  EXPECT_EQ(*read("big", 0, 0), "");
}

TEST_F(FilesTest, WritesFromASource) {
  int pieces = 0;
  const ByteSource source = [&](std::span<std::byte> buffer) -> Result<std::size_t> {
    if (++pieces > 10) return std::size_t{0};
    std::ranges::fill(buffer, std::byte{'x'});
    return buffer.size();
  };
  ASSERT_EQ(error_of(await(session_->write_file(path("source"), source, {}))), 0);
  EXPECT_EQ(contents("source").size(), 10 * kPayloadMax);
  const ByteSource failing = [](std::span<std::byte>) -> Result<std::size_t> {
    return Error(Code::kUnavailable, "no more");
  };
  EXPECT_EQ(await(session_->write_file(path("failing"), failing, {})).error().message(), "no more");
}

TEST_F(FilesTest, AReaderMayStop) {
  ASSERT_EQ(error_of(await(session_->write_file(path("big"), bytes_of(std::string(1'000'000, 'x')), {}))), 0);
  const auto read = await(session_->read_file(path("big"), 0, UINT64_MAX, [](std::span<const std::byte>) -> Result<> {
    return Error(Code::kExhausted, "enough");
  }));
  EXPECT_EQ(read.error().code(), Code::kExhausted);
  EXPECT_TRUE(await(session_->stat(path("big"))).has_value());  // the session goes on
}

TEST_F(FilesTest, NeverFollowsALinkNorOpensWhatIsNoFile) {
  ASSERT_EQ(error_of(await(session_->write_file(path("target"), bytes_of("safe"), {}))), 0);
  fs::create_symlink(root_ + "/target", root_ + "/link");
  ASSERT_EQ(::mkfifo((root_ + "/fifo").c_str(), 0600), 0);
  EXPECT_EQ(error_of(await(session_->write_file(path("link"), bytes_of("x"), {}))), ELOOP);
  EXPECT_EQ(error_of(read("link")), ELOOP);
  EXPECT_EQ(error_of(await(session_->chmod(path("link"), 0777))), ELOOP);
  EXPECT_EQ(error_of(await(session_->write_file(path("fifo"), bytes_of("x"), {}))), ENXIO);
  EXPECT_EQ(error_of(read("fifo")), EINVAL);
  EXPECT_EQ(error_of(read("")), EISDIR);
  EXPECT_EQ(error_of(read("missing")), ENOENT);
  EXPECT_EQ(contents("target"), "safe");
  const auto link = await(session_->stat(path("link")));
  EXPECT_EQ(link->type, FileType::kSymlink);
  EXPECT_EQ(link->target, root_ + "/target");
}

TEST_F(FilesTest, ListsTreesWithoutFollowing) {
  fs::create_directories(root_ + "/a/b/c");
  std::ofstream(root_ + "/a/file") << std::string(5000, 'x');
  fs::create_directory_symlink("/usr", root_ + "/a/usr");
  const std::string strange = "new\nline\xff";
  std::ofstream(root_ + "/" + strange) << "x";
  ::truncate((root_ + "/" + strange).c_str(), 1'000'000'000);  // sparse
  auto listing = await(session_->list({.path = *GuestPath::parse(root_), .depth = 10}));
  ASSERT_TRUE(listing.has_value());
  EXPECT_FALSE(listing->is_truncated);
  std::map<std::string, FileEntry> found;
  for (const FileEntry& entry : listing->entries) found[entry.path] = entry;
  ASSERT_EQ(found.size(), 6U);
  EXPECT_EQ(found["a/b/c"].type, FileType::kFolder);
  EXPECT_EQ(found["a/file"].size.count, 5000U);
  EXPECT_GT(found["a/file"].mtime.count(), 0);
  EXPECT_EQ(found["a/usr"].type, FileType::kSymlink);
  EXPECT_EQ(found["a/usr"].target, "/usr");
  EXPECT_EQ(found[strange].size.count, 1'000'000'000U);
  EXPECT_LT(found[strange].allocated.count, 1'000'000U);
  EXPECT_EQ(found["a"].device, found["a/file"].device);
}

TEST_F(FilesTest, ListingsAreBounded) {
  fs::create_directories(root_ + "/a/b/c");
  for (int i = 0; i < 3000; ++i) std::ofstream(root_ + "/" + std::to_string(i));
  EXPECT_EQ(await(session_->list({.path = *GuestPath::parse(root_), .depth = 10}))->entries.size(), 3003U);
  const auto few = await(session_->list({.path = *GuestPath::parse(root_), .max_entries = 100}));
  EXPECT_EQ(few->entries.size(), 100U);
  EXPECT_TRUE(few->is_truncated);
  const auto shallow = await(session_->list({.path = path("a"), .depth = 1}));
  EXPECT_EQ(shallow->entries.size(), 2U);
  EXPECT_TRUE(shallow->is_truncated);
  EXPECT_EQ(error_of(await(session_->list({.path = path("0")}))), ENOTDIR);
  EXPECT_EQ(await(session_->list({.path = path("a"), .depth = 65})).error().code(), Code::kInvalidArgument);
}

TEST_F(FilesTest, MakesMovesRemoves) {
  EXPECT_EQ(error_of(await(session_->make_dir(path("x/y"), 0700, false))), ENOENT);
  EXPECT_EQ(error_of(await(session_->make_dir(path("x/y"), 0700, true))), 0);
  EXPECT_EQ(error_of(await(session_->make_dir(path("x/y"), 0700, true))), 0);
  EXPECT_EQ(error_of(await(session_->make_dir(path("x/y"), 0700, false))), EEXIST);
  EXPECT_EQ(error_of(await(session_->move(path("x"), path("z")))), 0);
  EXPECT_EQ(error_of(await(session_->chmod(path("z"), 0711))), 0);
  EXPECT_EQ(await(session_->stat(path("z")))->mode, 0711);
  EXPECT_EQ(error_of(await(session_->remove(path("z"), false))), ENOTEMPTY);
  EXPECT_EQ(error_of(await(session_->remove(path("z/y"), false))), 0);
  EXPECT_EQ(error_of(await(session_->remove(path("missing"), true))), ENOENT);
}

TEST_F(FilesTest, RemovesDeepTreesAndOnlyThem) {
  fs::create_directories(root_ + "/outside");
  std::ofstream(root_ + "/outside/kept") << "x";
  fs::create_directory(root_ + "/tree");
  fs::create_directory_symlink(root_ + "/outside", root_ + "/tree/link");
  Fd at(::open((root_ + "/tree").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (int i = 0; i < 1200; ++i) {  // deeper than a path can say
    ASSERT_EQ(::mkdirat(at.get(), "down", 0700), 0);
    const Fd file(::openat(at.get(), "file", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    at = Fd(::openat(at.get(), "down", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  EXPECT_EQ(error_of(await(session_->remove(path("tree"), true))), 0);
  EXPECT_FALSE(fs::exists(root_ + "/tree"));
  EXPECT_EQ(contents("outside/kept"), "x");
}

TEST_F(FilesTest, ADeviceIsNoFile) {
  const auto written = await(session_->write_file(*GuestPath::parse("/dev/null"), bytes_of("x"), {}));
  EXPECT_EQ(error_of(written), EINVAL);
  EXPECT_TRUE(await(session_->stat(*GuestPath::parse("/"))).has_value());  // the session goes on
}

}  // namespace
}  // namespace brig::guest
