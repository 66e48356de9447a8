#include "image/store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "image/digest.h"
#include "image/everybodys.h"
#include "image/testing/scratch_folder.h"
#include "sys/file.h"

namespace brig::image {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(store_.prepare().has_value()); }

  static Manifest manifest(const std::string& name) {
    return {.name = name, .provenance = {.kind = "folder", .source = "x"}};
  }
  Result<Template> publish(const std::string& name, const std::string& contents, const std::string& owner = "") {
    const BuildFolder build = TRY(store_.new_build());
    const std::string file = build.path() + "/image";
    const Fd image = TRY(sys::open(file, O_WRONLY | O_CREAT, 0600));
    TRY(sys::write_all(image.ref(), contents));
    Manifest made = manifest(name);
    made.owner = owner;
    return store_.publish(std::move(made), file);
  }
  [[nodiscard]] std::size_t count(const std::string& folder) const {
    const std::filesystem::directory_iterator entries(scratch_ / ("t/" + folder));
    return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
  }

  testing::ScratchFolder scratch_;
  Store store_{*HostPath::parse(scratch_ / "t")};
};

/// In a child for which that system call fails: whether `act` failed too.
template <class Act>
bool fails_without(unsigned call, const Act& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EIO), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const sock_fprog program{.len = 4, .filter = steps};
    const bool is_set = ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                        ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
    ::_exit(!is_set ? 2 : act() ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_NE(WEXITSTATUS(status), 2) << "no filter";
  return WEXITSTATUS(status) == 1;
}

TEST_F(StoreTest, GivesNothingItsNameBeforeItIsOnTheDisk) {
  EXPECT_TRUE(fails_without(SYS_fsync, [&] { return publish("one", "contents").has_value(); }));
  EXPECT_EQ(count("images"), 0U);
  EXPECT_EQ(count("names"), 0U);
  const BuildFolder build = *store_.new_build();
  const std::string changes = build.path() + "/upper";
  ASSERT_EQ(::mkdir(changes.c_str(), 0755), 0);
  const std::string key = digest_of("a step");
  EXPECT_TRUE(fails_without(SYS_syncfs, [&] { return store_.keep_layer(key, changes).has_value(); }));
  EXPECT_EQ(count("layers"), 0U);
  const Library library{
      .base = "x", .names = {"a"}, .digest = digest_of("a"), .wheels_folder = "/w", .folder_mark = {}};
  EXPECT_TRUE(fails_without(SYS_syncfs, [&] { return store_.keep_library(library, changes).has_value(); }));
  EXPECT_EQ(count("libraries"), 0U);
  EXPECT_TRUE(store_.keep_layer(key, changes).has_value());
}

TEST_F(StoreTest, FindsWhatWasPublished) {
  const auto made = publish("one", "contents");
  ASSERT_TRUE(made.has_value()) << made.error().message();
  EXPECT_EQ(made->manifest.digest, digest_of("contents"));
  const auto found = store_.find("one");
  ASSERT_TRUE(found.has_value()) << found.error().message();
  EXPECT_EQ(found->manifest, made->manifest);
  EXPECT_EQ(found->manifest.size.count, 8U);
  EXPECT_EQ(sys::read_file(found->file.text(), 100).value(), "contents");
  struct stat status{};
  ASSERT_EQ(::stat(found->file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0644U);
  EXPECT_EQ(count("build"), 0U);
}

TEST_F(StoreTest, SaysWhatThereIsInsteadOfAName) {
  ASSERT_TRUE(publish("code-interpreter", "x").has_value());
  const auto found = store_.find("code-interpeter");
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().code(), Code::kNotFound);
  EXPECT_THAT(found.error().message(), HasSubstr("did you mean \"code-interpreter\""));
  EXPECT_EQ(store_.find("../images").error().code(), Code::kInvalidArgument);
  EXPECT_EQ(Catalog(*HostPath::parse(scratch_ / "nowhere")).find("x").error().code(), Code::kNotFound);
}

TEST_F(StoreTest, TheLastBuildOfANameHasIt) {
  ASSERT_TRUE(publish("one", "old").has_value());
  ASSERT_TRUE(publish("one", "new").has_value());
  EXPECT_EQ(store_.find("one")->manifest.digest, digest_of("new"));
  EXPECT_EQ(count("images"), 2U) << "who has the old image open keeps it; gc removes it";
  EXPECT_EQ(store_.collect_garbage()->images, 1U);
  EXPECT_TRUE(store_.find("one").has_value());
}

TEST_F(StoreTest, AnImageGoesWithItsLastName) {
  ASSERT_TRUE(publish("one", "same").has_value());
  ASSERT_TRUE(publish("two", "same").has_value());
  EXPECT_EQ(count("images"), 1U);
  ASSERT_TRUE(store_.remove("one").has_value());
  EXPECT_TRUE(store_.find("two").has_value());
  ASSERT_TRUE(store_.remove("two").has_value());
  EXPECT_EQ(count("images"), 0U);
  EXPECT_EQ(store_.remove("two").error().code(), Code::kNotFound);
}

TEST_F(StoreTest, WhatADeadBuildLeftIsRemovedAndALivingOneIsNot) {
  const auto living = store_.new_build();
  ASSERT_TRUE(living.has_value());
  const pid_t child = ::fork();
  if (child == 0) {
    const auto dying = store_.new_build();
    if (dying)
      (void)sys::write_all(sys::open(dying->path() + "/half", O_WRONLY | O_CREAT, 0600)->ref(), "x").has_value();
    ::raise(SIGKILL);
  }
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_EQ(count("build"), 2U);
  ASSERT_TRUE(store_.prepare().has_value());
  EXPECT_EQ(count("build"), 1U);
  EXPECT_TRUE(std::filesystem::exists(living->path()));
  EXPECT_THAT(*store_.list(), IsEmpty());
}

TEST_F(StoreTest, SaysThatANameCannotBeUsed) {
  const auto made = publish("one", "contents");
  ASSERT_TRUE(made.has_value());
  ASSERT_EQ(::truncate(made->file.c_str(), 3), 0);
  EXPECT_THAT(store_.find("one").error().message(), HasSubstr("is not what was built"));
  ASSERT_EQ(::unlink(made->file.c_str()), 0);
  EXPECT_THAT(store_.find("one").error().message(), HasSubstr("is gone"));
  ASSERT_EQ(store_.list()->size(), 1U);
  EXPECT_NE(store_.list()->front().trouble, "");
  scratch_.write("t/names/broken.json", "{");
  EXPECT_EQ(store_.list()->size(), 2U);
  EXPECT_EQ(store_.collect_garbage().error().code(), Code::kConflict) << "an image may be the broken name's";
  ASSERT_TRUE(store_.remove("broken").has_value());
  ASSERT_TRUE(store_.remove("one").has_value());
  EXPECT_TRUE(store_.collect_garbage().has_value());
}

TEST_F(StoreTest, ANameFileSpeaksOfItsOwnName) {
  ASSERT_TRUE(publish("one", "contents").has_value());
  std::filesystem::copy(scratch_ / "t/names/one.json", scratch_ / "t/names/two.json");
  EXPECT_FALSE(store_.find("two").has_value());
}

TEST_F(StoreTest, ANameOfAKeysIsNotTheMachinesOwners) {
  ASSERT_TRUE(publish("python", "x", "key1").has_value());
  ASSERT_TRUE(publish("shared", "x", std::string(kDaemonOwner)).has_value());
  ASSERT_TRUE(publish("machines", "x").has_value());
  const auto refused = find_everybodys(store_, "python");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::kDenied);
  EXPECT_THAT(refused.error().message(), HasSubstr("key1"));
  EXPECT_TRUE(find_everybodys(store_, "shared").has_value());
  EXPECT_TRUE(find_everybodys(store_, "machines").has_value());
}

TEST_F(StoreTest, RefusesWhatIsNoImageFile) {
  const auto build = store_.new_build();
  ASSERT_TRUE(build.has_value());
  const std::string file = build->path() + "/image";
  ASSERT_EQ(::symlink("/etc/passwd", file.c_str()), 0);
  EXPECT_FALSE(store_.publish(manifest("x"), file).has_value());
  ASSERT_EQ(::unlink(file.c_str()), 0);
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  EXPECT_FALSE(store_.publish(manifest("x"), file).has_value());
  ASSERT_EQ(::unlink(file.c_str()), 0);
  scratch_.write("other", "bytes");
  ASSERT_EQ(::link((scratch_ / "other").c_str(), file.c_str()), 0);
  EXPECT_FALSE(store_.publish(manifest("x"), file).has_value()) << "somebody could go on writing to it";
  EXPECT_EQ(count("images"), 0U);
}

TEST_F(StoreTest, RemembersWhatWasMadeFromWhat) {
  const std::string key = digest_of("key");
  EXPECT_FALSE(store_.cached(key).has_value());
  const auto made = publish("one", "contents");
  ASSERT_TRUE(store_.remember(key, made->manifest).has_value());
  ASSERT_TRUE(store_.cached(key).has_value());
  Manifest other = *store_.cached(key);
  other.name = "two";
  EXPECT_TRUE(store_.publish_again(other).has_value());
  ASSERT_TRUE(store_.remove("one").has_value());
  ASSERT_TRUE(store_.remove("two").has_value());
  EXPECT_FALSE(store_.cached(key).has_value()) << "its image is gone";
  EXPECT_FALSE(store_.publish_again(other).has_value());
}

TEST_F(StoreTest, WhatHasAnOwnerTakesNobodysName) {
  ASSERT_TRUE(publish("machines", "1").has_value());
  ASSERT_TRUE(publish("theirs", "2", "key2").has_value());
  ASSERT_TRUE(publish("mine", "3", "key1").has_value());
  EXPECT_EQ(publish("machines", "4", "key1").error().code(), Code::kConflict);
  EXPECT_EQ(publish("theirs", "4", "key1").error().code(), Code::kConflict);
  EXPECT_EQ(store_.find("theirs")->manifest.digest, digest_of("2"));
  EXPECT_EQ(count("images"), 3U) << "what was refused is not kept";
  ASSERT_TRUE(publish("mine", "4", "key1").has_value());
  EXPECT_EQ(store_.find("mine")->manifest.owner, "key1");
  EXPECT_EQ(store_.remove("machines", "key1").error().code(), Code::kDenied);
  EXPECT_EQ(store_.remove("theirs", "key1").error().code(), Code::kDenied);
  EXPECT_TRUE(store_.remove("mine", "key1").has_value());
  EXPECT_EQ(store_.remove("mine", "key1").error().code(), Code::kNotFound);
  std::ofstream(scratch_ / "t/names/broken.json") << "{";
  EXPECT_EQ(publish("broken", "5", "key1").error().code(), Code::kConflict);
  ASSERT_TRUE(publish("theirs", "6").has_value()) << "the machine's owner may do as they like";
}

TEST_F(StoreTest, GivesAnOwnerNoMoreRoomThanItMayHave) {
  ASSERT_TRUE(publish("theirs", "12345", "key2").has_value());
  store_.limit_owners(Bytes{5});
  EXPECT_TRUE(publish("one", "123", "key1").has_value());
  EXPECT_EQ(publish("two", "456", "key1").error().code(), Code::kExhausted);
  EXPECT_EQ(store_.find("two").error().code(), Code::kNotFound);
  EXPECT_EQ(count("images"), 2U) << "what was refused is not kept";
  EXPECT_TRUE(publish("one", "12345", "key1").has_value()) << "again";
  Manifest again = store_.find("one")->manifest;
  again.name = "two";
  EXPECT_EQ(store_.publish_again(again).error().code(), Code::kExhausted);
}

TEST_F(StoreTest, WhatAnOwnerMakesAgainTakesThePlaceOfTheOlder) {
  ASSERT_TRUE(publish("one", "old", "key1").has_value());
  ASSERT_TRUE(publish("shares", "old", "key2").has_value());
  ASSERT_TRUE(publish("one", "new", "key1").has_value());
  EXPECT_EQ(count("images"), 2U) << "another's stays";
  ASSERT_TRUE(publish("one", "newer", "key1").has_value());
  EXPECT_EQ(count("images"), 2U);
  ASSERT_TRUE(publish("one", "newer", "key1").has_value());
  EXPECT_TRUE(store_.find("one").has_value());
  EXPECT_TRUE(store_.find("shares").has_value());
}

TEST_F(StoreTest, ALayerThatIsMadeAgainTakesThePlaceOfTheOlder) {
  const std::string key = digest_of("step");
  const auto keep = [&](const std::string& text) -> Result<HostPath> {
    const BuildFolder build = TRY(store_.new_build());
    const std::string changes = build.path() + "/upper";
    std::filesystem::create_directory(changes);
    std::ofstream(changes + "/stamp") << text;
    return store_.keep_layer(key, changes);
  };
  ASSERT_TRUE(keep("old").has_value());
  const auto kept = keep("new");
  ASSERT_TRUE(kept.has_value()) << kept.error().message();
  EXPECT_EQ(*store_.layer(key), *kept);
  EXPECT_EQ(sys::read_file(kept->text() + "/stamp", 100).value(), "new");
  EXPECT_EQ(count("layers"), 1U) << "the older one is gone";
  {
    const auto other = store_.new_build();
    ASSERT_TRUE(keep("newest").has_value());
    EXPECT_EQ(count("layers"), 2U) << "another build may have the older one in its root";
  }
  EXPECT_EQ(sys::read_file(kept->text() + "/stamp", 100).value(), "newest");
  EXPECT_EQ(store_.collect_garbage()->layers, 2U);
}

TEST_F(StoreTest, ShowsOthersImagesAndNamesAndNothingThatAStepLeft) {
  const auto mode_of = [&](const char* folder) {
    struct stat info{};
    EXPECT_EQ(::lstat((scratch_ / folder).c_str(), &info), 0) << folder;
    return info.st_mode & 07777U;
  };
  ASSERT_EQ(::chmod((scratch_ / "t/layers").c_str(), 0755), 0);  // as older stores have it
  ASSERT_TRUE(store_.prepare().has_value());
  for (const char* folder : {"t/layers", "t/build", "t/cache", "t/logs"}) EXPECT_EQ(mode_of(folder), 0700U) << folder;
  for (const char* folder : {"t/images", "t/names"}) EXPECT_EQ(mode_of(folder), 0755U) << folder;
}

TEST_F(StoreTest, IsKeptOnlyWhereNobodyElseCanWrite) {
  for (const char* folder : {"t/names", "t"}) {
    ASSERT_EQ(::chmod((scratch_ / folder).c_str(), 0777), 0);
    const auto ready = store_.prepare();
    ASSERT_FALSE(ready.has_value()) << folder;
    EXPECT_EQ(ready.error().code(), Code::kDenied);
    EXPECT_THAT(ready.error().message(), HasSubstr(scratch_ / folder));
    ASSERT_EQ(::chmod((scratch_ / folder).c_str(), 0755), 0);
  }
  EXPECT_TRUE(store_.prepare().has_value());
}

}  // namespace
}  // namespace brig::image
