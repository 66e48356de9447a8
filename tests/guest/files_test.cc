#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
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

Task<std::size_t> ten_pieces(int& pieces, std::span<std::byte> buffer) {
  if (++pieces > 10) co_return std::size_t{0};
  std::ranges::fill(buffer, std::byte{'x'});
  co_return buffer.size();
}
Task<std::size_t> no_piece() { co_return Error(Code::kUnavailable, "no more"); }

TEST_F(FilesTest, WritesFromASource) {
  int pieces = 0;
  const ByteSource source = [&](std::span<std::byte> buffer) { return ten_pieces(pieces, buffer); };
  ASSERT_EQ(error_of(await(session_->write_file(path("source"), source, {}))), 0);
  EXPECT_EQ(contents("source").size(), 10 * kPayloadMax);
  const ByteSource failing = [](std::span<std::byte>) { return no_piece(); };
  EXPECT_EQ(await(session_->write_file(path("failing"), failing, {})).error().message(), "no more");
}

/// Calls `meanwhile` after the first piece, and fails after the second unless it is told not to.
Task<std::size_t> two_pieces(int& pieces, std::function<void()>& meanwhile, bool is_cut, std::span<std::byte> buffer) {
  if (++pieces == 2) meanwhile();
  if (pieces > 2) {
    if (is_cut) co_return Error(Code::kUnavailable, "cut");
    co_return std::size_t{0};
  }
  std::ranges::fill(buffer, std::byte{'n'});
  co_return buffer.size();
}

class UploadTest : public FilesTest {
 protected:
  Result<> upload(
      const std::string& name, bool is_cut, WriteOptions options = {}, std::function<void()> meanwhile = [] {}) {
    int pieces = 0;
    const ByteSource source = [&](std::span<std::byte> buffer) {
      return two_pieces(pieces, meanwhile, is_cut, buffer);
    };
    return await(session_->write_file(path(name), source, options));
  }
  [[nodiscard]] std::set<std::string> names() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(root_)) names.insert(entry.path().filename().string());
    return names;
  }
  void put(const std::string& name, const std::string& text) { std::ofstream(root_ + "/" + name) << text; }
  /// The agent handles frames in order: when it answers this, it has heard that the upload was cut.
  void settle() { EXPECT_TRUE(await(session_->stat(*GuestPath::parse(root_))).has_value()); }
  static constexpr std::size_t kSize = 2 * kPayloadMax;
};

TEST_F(UploadTest, OneThatIsCutChangesNothing) {
  put("old", "old");
  EXPECT_EQ(upload("old", true).error().message(), "cut");
  EXPECT_EQ(upload("new", true).error().message(), "cut");
  settle();
  EXPECT_EQ(contents("old"), "old");
  EXPECT_EQ(names(), std::set<std::string>{"old"});
}

TEST_F(UploadTest, NothingIsLeftWhenTheAgentDies) {
  put("old", "old");
  EXPECT_FALSE(upload("old", false, {}, [&] { ::kill(agent_.pid(), SIGKILL); }).has_value());
  EXPECT_EQ(contents("old"), "old");
  EXPECT_EQ(names(), std::set<std::string>{"old"});
}

TEST_F(UploadTest, ReplacesTheFileAndNotItsOtherNames) {
  put("old", "old");
  ASSERT_EQ(::chmod((root_ + "/old").c_str(), 0751), 0);
  fs::create_hard_link(root_ + "/old", root_ + "/other");
  std::ifstream open(root_ + "/old");
  ASSERT_TRUE(upload("old", false).has_value());
  EXPECT_EQ(contents("old"), std::string(kSize, 'n'));
  EXPECT_EQ(static_cast<unsigned>(fs::status(root_ + "/old").permissions()), 0751U);
  EXPECT_EQ(contents("other"), "old");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(open), {}), "old");
  EXPECT_EQ(names(), (std::set<std::string>{"old", "other"}));
}

TEST_F(UploadTest, WhatComesMeanwhileIsReplacedUnlessItIsExclusive) {
  ASSERT_TRUE(upload("new", false, {}, [&] { put("new", "theirs"); }).has_value());
  EXPECT_EQ(contents("new").size(), kSize);
  EXPECT_EQ(error_of(upload("taken", false, {.is_exclusive = true}, [&] { put("taken", "theirs"); })), EEXIST);
  EXPECT_EQ(contents("taken"), "theirs");
  EXPECT_EQ(error_of(upload("folder", false, {}, [&] { fs::create_directory(root_ + "/folder"); })), EISDIR);
  EXPECT_EQ(names(), (std::set<std::string>{"folder", "new", "taken"}));
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
