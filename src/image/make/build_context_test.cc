#include "image/make/build_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/testing/scratch_folder.h"

namespace brig::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class BuildContext : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(scratch_ / "context/sub");
    std::filesystem::create_directories(scratch_ / "build");
  }
  [[nodiscard]] HostPath at(const std::string& name) const { return *HostPath::parse(scratch_ / name); }
  void link(const std::string& target, const std::string& name) const {
    ASSERT_EQ(::symlink(target.c_str(), (scratch_ / name).c_str()), 0);
  }
  Result<std::string> text(const std::string& name) const { return read_dockerfile_text(at(name), at("context")); }
  /// The key of what a step that copies `sources` is shown.
  std::string key(const std::vector<std::string>& sources, const std::vector<std::string>& ignored = {}) {
    const auto tar = pack(at("context"), scratch_ / "build", std::to_string(packed_++),
                          choose_members(at("context"), sources, ignored));
    EXPECT_TRUE(tar.has_value()) << tar.error().message();
    const auto digest = digest_without_times(*tar);
    EXPECT_TRUE(digest.has_value()) << digest.error().message();
    return *digest;
  }

  testing::ScratchFolder scratch_;
  int packed_ = 0;
};

TEST_F(BuildContext, ADockerfileThatIsALinkOutOfItIsNotFollowed) {
  scratch_.write("secret", "hunter2");
  scratch_.write("context/sub/Dockerfile", "FROM scratch");
  link("sub/Dockerfile", "context/inside");
  link("../secret", "context/up");
  link(scratch_ / "secret", "context/absolute");
  link("..", "context/folder");
  link("context/sub/Dockerfile", "elsewhere");
  EXPECT_EQ(*text("context/inside"), "FROM scratch");
  for (const char* name : {"context/up", "context/absolute", "context/folder/secret", "elsewhere"}) {
    const auto read = text(name);
    ASSERT_FALSE(read.has_value()) << name;
    EXPECT_THAT(read.error().message(), HasSubstr("is a link that leads out of the context")) << name;
  }
  EXPECT_EQ(*text("secret"), "hunter2") << "a file that was named is read wherever it lies";
  ASSERT_EQ(::mkfifo((scratch_ / "context/pipe").c_str(), 0600), 0);
  EXPECT_THAT(text("context/pipe").error().message(), HasSubstr("is not a file"));
}

TEST_F(BuildContext, ASourceMeansWhatLiesBelowItsFirstPart) {
  const auto members = [this](const std::vector<std::string>& sources) {
    return choose_members(at("context"), sources, {}).members;
  };
  EXPECT_THAT(members({"/sub/x", "./a", "sub"}), ElementsAre("a", "sub"));
  for (const char* all : {".", "", "/", "..", "../secret", "*.py", "[ab]/x"})
    EXPECT_THAT(members({"a", all}), ElementsAre(".")) << all;
  scratch_.write("context/.dockerignore", "x");
  EXPECT_THAT(members({"a"}), ElementsAre(".dockerignore", "a"));
}

TEST_F(BuildContext, TheKeyIsOfTheFilesAndNotOfWhatIsSaidOfThem) {
  scratch_.write("context/sub/a", "1");
  scratch_.write("context/other", "1");
  const std::string before = key({"sub/a"});
  const std::string all = key({"."});
  scratch_.write("context/other", "2");
  EXPECT_EQ(key({"sub/a"}), before) << "it is not copied";
  EXPECT_NE(key({"."}), all);
  EXPECT_EQ(key({"."}, {"other"}), key({"."}, {"other", ".dockerignore"})) << "what is left out does not matter";
  scratch_.write("context/sub/a", "2");
  EXPECT_NE(key({"sub/a"}), before);
  scratch_.write("context/sub/a", "1");
  ASSERT_EQ(::chmod((scratch_ / "context/sub/a").c_str(), 0755), 0);
  EXPECT_NE(key({"sub/a"}), before);
}

TEST_F(BuildContext, TheKeyIsNotOfTheTimes) {
  const std::string name(300, 'n');  // longer than a header's field
  scratch_.write("context/sub/a", std::string(5000, 'x'));
  std::filesystem::create_directories((scratch_ / "context/sub/") + name.substr(0, 200) + "/" + name.substr(200));
  const std::string before = key({"sub"});
  for (const char* path : {"context/sub/a", "context/sub"})
    std::filesystem::last_write_time(scratch_ / path,
                                     std::filesystem::file_time_type::clock::now() - std::chrono::hours(5));
  EXPECT_EQ(key({"sub"}), before);
}

}  // namespace
}  // namespace brig::image
