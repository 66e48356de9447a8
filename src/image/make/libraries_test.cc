#include "image/make/libraries.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/testing/scratch_folder.h"
#include "sys/file.h"

namespace brig::image {
namespace {

using ::testing::HasSubstr;

std::string error_of(std::string_view answer) {
  const auto read = parse_installed(answer);
  return read ? "no error" : read.error().message();
}

TEST(Installed, IsReadStrictly) {
  const auto read = parse_installed(R"({"packages": [{"name": "A", "version": "1", "file": "a-1-py3-none-any.whl"}]})");
  ASSERT_TRUE(read.has_value()) << read.error().message();
  EXPECT_EQ(*read, (std::vector<InstalledPackage>{{.name = "A", .version = "1", .file = "a-1-py3-none-any.whl"}}));
  EXPECT_EQ(error_of(R"({"error": "no \u001b[31mwheel"})"), "no \\x1b[31mwheel");
  EXPECT_THAT(error_of(R"({"packages": [{"name": "A", "version": "1", "file": "../a.whl"}]})"),
              HasSubstr("no name of a"));
  EXPECT_THAT(error_of(R"({"packages": []})"), HasSubstr("expected 1 to 500 packages"));
  EXPECT_THAT(error_of(R"({"packages": [{"name": "A"}]})"), HasSubstr("version"));
  EXPECT_NE(error_of("nonsense"), "no error");
  EXPECT_NE(error_of(""), "no error");
}

TEST(MakePlain, TakesOffWhatWouldBeAnothersRights) {
  const testing::ScratchFolder scratch;
  std::filesystem::create_directories(scratch / "p/q");
  scratch.write("p/q/program", "x");
  scratch.write("p/q/text", "x");
  ASSERT_EQ(::chmod((scratch / "p/q/program").c_str(), 06700), 0);
  ASSERT_EQ(::chmod((scratch / "p/q/text").c_str(), 0666), 0);
  ASSERT_EQ(::chmod((scratch / "p/q").c_str(), 0700), 0);
  ASSERT_TRUE(make_plain(sys::open(scratch / "p", O_RDONLY | O_DIRECTORY)->ref()).has_value());
  EXPECT_EQ(scratch.status("p/q/program").st_mode & 07777U, 0755U);
  EXPECT_EQ(scratch.status("p/q/text").st_mode & 07777U, 0644U);
  EXPECT_EQ(scratch.status("p/q").st_mode & 07777U, 0755U);
}

TEST(MakePlain, RefusesLinksAndFollowsNone) {
  const testing::ScratchFolder scratch;
  std::filesystem::create_directories(scratch / "p");
  scratch.write("outside", "x");
  ASSERT_EQ(::chmod((scratch / "outside").c_str(), 0600), 0);
  ASSERT_EQ(::symlink((scratch / "outside").c_str(), (scratch / "p/link").c_str()), 0);
  const auto done = make_plain(sys::open(scratch / "p", O_RDONLY | O_DIRECTORY)->ref());
  ASSERT_FALSE(done.has_value());
  EXPECT_THAT(done.error().message(), HasSubstr("neither a file nor a folder: link"));
  EXPECT_EQ(scratch.status("outside").st_mode & 0777U, 0600U);
}

}  // namespace
}  // namespace brig::image
