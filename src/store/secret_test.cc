#include "store/secret.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "store/testing/temporary_folder.h"

namespace brig::store {
namespace {

TEST(Secret, IsMadeOnceAndStays) {
  const TemporaryFolder folder;
  const auto first = keep_secret(folder.path(), "a.secret");
  ASSERT_TRUE(first) << first.error().message();
  EXPECT_EQ(first->size(), kSecretSize);
  const auto again = keep_secret(folder.path(), "a.secret");
  ASSERT_TRUE(again);
  EXPECT_EQ(*first, *again);
  EXPECT_NE(*first, *keep_secret(folder.path(), "b.secret"));
  struct stat status{};
  ASSERT_EQ(::stat((folder.path() + "/a.secret").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(Secret, OneThatIsNoneOfOursIsRefusedAndKept) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a.secret";
  std::ofstream(path) << "short";
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  EXPECT_FALSE(keep_secret(folder.path(), "a.secret"));
  std::ofstream(path) << std::string(kSecretSize, 'x');
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  EXPECT_FALSE(keep_secret(folder.path(), "a.secret"));
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  EXPECT_EQ(*keep_secret(folder.path(), "a.secret"), std::string(kSecretSize, 'x'));
}

}  // namespace
}  // namespace brig::store
