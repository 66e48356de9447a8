#include "runtimes/process/image_mount.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtimes/process/testing/hosts.h"

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

TEST(ImageMounts, TakeNoFileThatIsNoImage) {
  const Fd junk = file(0644);
  ASSERT_EQ(::ftruncate(junk.get(), 4096), 0);
  ImageMounts mounts;
  EXPECT_EQ(mounts.mount_of(junk.ref()).error().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace brig::runtimes::process
