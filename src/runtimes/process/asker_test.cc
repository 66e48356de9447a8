#include "runtimes/process/asker.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "runtimes/process/testing/hosts.h"
#include "sys/file.h"

namespace brig::runtimes::process {
namespace {

constexpr Asker kStranger{.uid = 1234, .gid = 1234, .is_own = false};

Code right_to(const Asker& asker, int flags, bool is_writable = false) {
  std::vector<Fd> fds;
  fds.push_back(*sys::open("/dev/null", flags));
  const auto result = check_rights(asker, {{.host = "/x", .path = "x", .is_writable = is_writable}}, fds);
  return result.has_value() ? Code::kInternal : result.error().code();  // kInternal: allowed, no error of this function
}

TEST(Asker, MustBeNamedByTheKernel) {
  const auto nobody = asker_of(std::nullopt, full_host());
  ASSERT_FALSE(nobody.has_value());
  EXPECT_EQ(nobody.error().code(), Code::kDenied);
}

TEST(Asker, OfTheLaunchersUidIsItsOwn) {
  EXPECT_TRUE(asker_of(sys::Sender{.uid = 0, .gid = 5}, full_host())->is_own);
  EXPECT_TRUE(asker_of(sys::Sender{.uid = 1234, .gid = 5}, rootless_host())->is_own);
  EXPECT_FALSE(asker_of(sys::Sender{.uid = 1234, .gid = 0}, full_host())->is_own);
}

TEST(Asker, OfAnotherUidIsNotServedWithoutRoot) {
  for (uid_t uid : {0U, 1235U}) {
    const auto asker = asker_of(sys::Sender{.uid = uid, .gid = 1234}, rootless_host());
    ASSERT_FALSE(asker.has_value()) << uid;
    EXPECT_EQ(asker.error().code(), Code::kDenied);
  }
}

TEST(Asker, ProvesThatItCouldReadWhatItWantsShown) {
  EXPECT_EQ(right_to(kStranger, O_RDONLY), Code::kInternal);
  EXPECT_EQ(right_to(kStranger, O_RDWR), Code::kInternal);
  EXPECT_EQ(right_to(kStranger, O_PATH), Code::kDenied);
  EXPECT_EQ(right_to(kStranger, O_WRONLY), Code::kDenied);
  EXPECT_EQ(right_to(kStranger, 3), Code::kDenied) << "the access mode that may neither read nor write";
}

TEST(Asker, HasNothingWrittenToThatIsNotTheLaunchersUsers) {
  EXPECT_EQ(right_to(kStranger, O_RDWR, true), Code::kDenied);
  EXPECT_EQ(right_to({.uid = 0, .gid = 0, .is_own = true}, O_PATH, true), Code::kInternal);
}

TEST(Asker, HasGroupsThatAreNobodyElses) {
  EXPECT_EQ(group_name(kStranger, "run-1"), "u1234-run-1");
  EXPECT_EQ(group_name({.uid = 0, .gid = 0, .is_own = true}, "run-1"), "run-1");
}

}  // namespace
}  // namespace brig::runtimes::process
