#include "runtimes/process/image_mount.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtimes/process/testing/hosts.h"
#include "sys/file.h"

namespace brig::runtimes::process {
namespace {

constexpr Asker kStranger{.uid = 1234, .gid = 1234, .is_own = false};
constexpr Asker kOwn{.uid = 0, .gid = 0, .is_own = true};

/// A file of this process's user.
Fd file(mode_t mode) {
  Fd fd(::memfd_create("image", MFD_CLOEXEC));
  EXPECT_EQ(::fchmod(fd.get(), mode), 0);
  return fd;
}

HostReport host_of(uid_t uid) {
  HostReport host = full_host();
  host.uid = uid;
  return host;
}

TEST(CheckImage, LetsAStrangerNameOnlyWhatTheLaunchersUserHasPublished) {
  const HostReport host = host_of(::geteuid());
  EXPECT_TRUE(check_image(kStranger, file(0644).ref(), host).has_value());
  EXPECT_EQ(check_image(kStranger, file(0664).ref(), host).error().code(), Code::kDenied);
  EXPECT_EQ(check_image(kStranger, file(0646).ref(), host).error().code(), Code::kDenied);
  EXPECT_EQ(check_image(kStranger, file(0644).ref(), host_of(::geteuid() + 1)).error().code(), Code::kDenied);
  EXPECT_TRUE(check_image(kOwn, file(0666).ref(), host).has_value());
}

TEST(CheckImage, WantsAFileAndRoot) {
  EXPECT_EQ(check_image(kOwn, Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)).ref(), full_host()).error().code(),
            Code::kInvalidArgument);
  EXPECT_EQ(check_image(kOwn, file(0644).ref(), rootless_host()).error().code(), Code::kUnsupported);
}

/// A file in a folder of its own.
class Published : public testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(folder_.data()), nullptr); }
  void TearDown() override { (void)sys::remove_tree(folder_); }
  Fd file_named(const std::string& name) {
    Fd fd(::open((folder_ + "/" + name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    EXPECT_EQ(::ftruncate(fd.get(), 4096), 0);
    return fd;
  }
  std::string folder_ = testing::TempDir() + "brig-published-XXXXXX";
  HostReport host_ = host_of(::geteuid());
  std::string digest_ = std::string(64, 'a');
};

TEST_F(Published, DigestIsTheNameOfTheFileItself) {
  const Fd image = file_named(digest_ + ".erofs");
  EXPECT_EQ(*published_digest(image.ref(), host_), digest_);
  ASSERT_EQ(::symlink((digest_ + ".erofs").c_str(), (folder_ + "/" + std::string(64, 'b') + ".erofs").c_str()), 0);
  const Fd by_link(::open((folder_ + "/" + std::string(64, 'b') + ".erofs").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(*published_digest(by_link.ref(), host_), digest_) << "not what a link to it is called";
  EXPECT_EQ(published_digest(file_named("image.erofs").ref(), host_).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(published_digest(file(0644).ref(), host_).error().code(), Code::kInvalidArgument) << "a memfd";
  ASSERT_EQ(::unlink((folder_ + "/" + digest_ + ".erofs").c_str()), 0);
  EXPECT_EQ(published_digest(image.ref(), host_).error().code(), Code::kInvalidArgument) << "removed";
}

TEST_F(Published, DigestIsBelievedWhereNobodyElseCanWrite) {
  const Fd image = file_named(digest_ + ".erofs");
  EXPECT_EQ(published_digest(image.ref(), host_of(::geteuid() + 1)).error().code(), Code::kDenied);
  ASSERT_EQ(::chmod(folder_.c_str(), 0777), 0);
  EXPECT_EQ(published_digest(image.ref(), host_).error().code(), Code::kDenied);
}

TEST_F(Published, IsNotMountedAsAnother) {
  const Fd image = file_named(digest_ + ".erofs");
  ImageMounts mounts;
  const auto refused = mounts.mount_of(image.ref(), std::string(64, 'b'), host_);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::kDenied);
  EXPECT_EQ(mounts.mount_of(image.ref(), digest_, host_).error().code(), Code::kInvalidArgument) << "no file system";
}

}  // namespace
}  // namespace brig::runtimes::process
