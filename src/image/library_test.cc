#include "image/library.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "image/digest.h"
#include "image/store.h"
#include "image/testing/scratch_folder.h"

namespace brig::image {
namespace {

using ::testing::HasSubstr;

class LibraryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(store_.prepare().has_value());
    scratch_.write("t/wheels/a-1-py3-none-any.whl", "a wheel");
  }

  Library library(const std::string& contents = "a wheel") {
    return {.base = "host /usr/bin/python3.11 1 2 3",
            .names = {"a"},
            .digest = digest_of(contents),
            .wheels_folder = store_.wheels().text(),
            .folder_mark = *mark_of(store_.wheels().text()),
            .wheels = {{.file = "a-1-py3-none-any.whl",
                        .digest = digest_of(contents),
                        .mark = *mark_of(store_.wheels().text() + "/a-1-py3-none-any.whl")}},
            .packages = {"a=1"}};
  }
  Result<InstalledLibrary> keep(const Library& library) {
    const BuildFolder build = TRY(store_.new_build());
    const std::string folder = build.path() + "/packages";
    if (::mkdir(folder.c_str(), 0755) != 0) return Error::last_system("make a folder");
    return store_.keep_library(library, folder);
  }

  testing::ScratchFolder scratch_;
  Store store_{*HostPath::parse(scratch_ / "t")};
};

TEST_F(LibraryTest, IsFoundByItsTemplateAndItsNamesInAnyOrder) {
  Library two = library();
  two.names = {"a", "b"};
  ASSERT_TRUE(keep(two).has_value());
  const auto found = store_.find_library(two.base, {"b", "a", "b"});
  ASSERT_TRUE(found.has_value()) << found.error().message();
  EXPECT_EQ(found->library, two);
  EXPECT_EQ(found->folder.text(), scratch_ / ("t/libraries/" + std::string(hex_of(two.digest))));
  EXPECT_EQ(store_.find_library(two.base, {"a"}).error().code(), Code::kNotFound);
  EXPECT_EQ(store_.find_library("host /usr/bin/python3.12 1 2 3", {"a", "b"}).error().code(), Code::kNotFound);
}

TEST_F(LibraryTest, IsNotFoundUnderTheRecordOfAnother) {
  ASSERT_TRUE(keep(library()).has_value());
  const std::string mine = "t/libraries/" + library_id(library().base, {"a"}) + ".json";
  scratch_.write("t/libraries/" + library_id(library().base, {"c"}) + ".json", scratch_.text(mine));
  EXPECT_EQ(store_.find_library(library().base, {"c"}).error().code(), Code::kNotFound);
}

TEST_F(LibraryTest, IsCurrentUntilAWheelChangesOrComes) {
  const Library made = library();
  EXPECT_TRUE(is_current(made, store_.wheels()));
  EXPECT_FALSE(is_current(made, *HostPath::parse(scratch_.path()))) << "of another folder";
  scratch_.write("t/wheels/a-1-py3-none-any.whl", "another wheel");
  EXPECT_FALSE(is_current(made, store_.wheels()));
  const Library again = library();
  scratch_.write("t/wheels/a-2-py3-none-any.whl", "a newer one");
  EXPECT_FALSE(is_current(again, store_.wheels()));
  std::filesystem::remove_all(scratch_ / "t/wheels");
  EXPECT_TRUE(is_current(again, store_.wheels())) << "what is installed needs no wheel";
}

TEST_F(LibraryTest, OfAnExchangedWheelIsForgotten) {
  ASSERT_TRUE(keep(library()).has_value());
  Wheel wheel = library().wheels.front();
  ASSERT_TRUE(store_.forget_libraries_of(store_.wheels().text(), wheel).has_value());
  EXPECT_EQ(store_.libraries()->size(), 1U) << "it is the same";
  wheel.digest = digest_of("another wheel");
  ASSERT_TRUE(store_.forget_libraries_of("/elsewhere", wheel).has_value());
  EXPECT_EQ(store_.libraries()->size(), 1U);
  ASSERT_TRUE(store_.forget_libraries_of(store_.wheels().text(), wheel).has_value());
  EXPECT_EQ(store_.libraries()->size(), 0U);
}

TEST_F(LibraryTest, GoesWithItsTemplate) {
  Library of_host = library("of the host");
  const auto base = library_base(nullptr);
  if (!base) GTEST_SKIP() << base.error().message();
  of_host.base = *base;
  ASSERT_TRUE(keep(of_host).has_value());
  Library of_image = library("of an image");
  of_image.base = digest_of("an image that is gone");
  ASSERT_TRUE(keep(of_image).has_value());
  const auto collected = store_.collect_garbage();
  ASSERT_TRUE(collected.has_value()) << collected.error().message();
  EXPECT_EQ(collected->libraries, 1U);
  EXPECT_TRUE(store_.find_library(*base, {"a"}).has_value());
  EXPECT_FALSE(store_.find_library(of_image.base, {"a"}).has_value());
}

TEST(LibraryText, IsReadBackAndReadStrictly) {
  const Library library{.base = "sha256:x",
                        .names = {"a"},
                        .digest = digest_of("x"),
                        .wheels_folder = "/w",
                        .folder_mark = {.inode = 1, .size = 2, .modified_ns = 3, .changed_ns = 4},
                        .wheels = {{.file = "a.whl", .digest = digest_of("a"), .mark = {}}},
                        .packages = {"a=1"}};
  EXPECT_EQ(*parse_library(to_json(library)), library);
  Library bad = library;
  bad.wheels.front().file = "../a.whl";
  EXPECT_THAT(parse_library(to_json(bad)).error().message(), HasSubstr("$.wheels[0].file: no name of a wheel"));
  bad = library;
  bad.digest = "sha256:../../etc";
  EXPECT_THAT(parse_library(to_json(bad)).error().message(), HasSubstr("$.digest: not a digest"));
  bad = library;
  bad.names = {"A"};
  EXPECT_THAT(parse_library(to_json(bad)).error().message(), HasSubstr("$.names: no package's name"));
}

TEST(LibraryBase, OfAnImageNeedsPython) {
  Manifest manifest{.name = "small", .digest = digest_of("x")};
  EXPECT_THAT(library_base(&manifest).error().message(), HasSubstr("the template small has no Python"));
  manifest.defaults.languages = {{.name = "python", .interpreter = "/usr/bin/python3"}};
  EXPECT_EQ(*library_base(&manifest), manifest.digest);
}

}  // namespace
}  // namespace brig::image
