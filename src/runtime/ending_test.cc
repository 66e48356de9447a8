#include "runtime/ending.h"

#include <gmock/gmock.h>

#include <cerrno>

namespace brig::runtime {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string> kTypo{"pyhton\x1b", "a.py"};

TEST(NotStarted, EndsAsInAShell) {
  const auto missing = not_started(Error::system(ENOENT, "start"), kTypo);
  ASSERT_TRUE(missing && missing->observed.word);
  EXPECT_EQ(missing->observed.word->value, 127);
  EXPECT_THAT(missing->note, HasSubstr("no program \"pyhton\\x1b\""));
  for (const int reason : {EACCES, ENOEXEC, ENOTDIR}) {
    const auto refused = not_started(Error::system(reason, "start"), kTypo);
    ASSERT_TRUE(refused && refused->observed.word) << reason;
    EXPECT_EQ(refused->observed.word->value, 126);
  }
}

TEST(NotStarted, IsTheLimitOfProcessesWhenNoneIsLeft) {
  const auto full = not_started(Error::system(EAGAIN, "start"), kTypo);
  ASSERT_TRUE(full);
  EXPECT_EQ(full->observed.act, HostAct::kNoProcessLeft);
  EXPECT_FALSE(full->observed.word);
}

TEST(NotStarted, NeedsNoProgram) {
  EXPECT_THAT(not_started(Error::system(ENOENT, "start"), {})->note, HasSubstr("\"\""));
}

TEST(NotStarted, IsNoneForAFailureOfOurs) {
  EXPECT_FALSE(not_started(Error(Code::kInternal, "no word of the agent"), kTypo));
  EXPECT_FALSE(not_started(Error::system(ENOMEM, "start"), kTypo));
}

TEST(WordOf, SaysWhatTheAgentSaid) {
  const GuestWord word = word_of({.is_signalled = true,
                                  .value = 9,
                                  .cpu_user = std::chrono::milliseconds(30),
                                  .cpu_system = std::chrono::milliseconds(12),
                                  .max_rss = Bytes{4096},
                                  .is_disk_full = true});
  EXPECT_TRUE(word.is_signalled);
  EXPECT_EQ(word.value, 9);
  EXPECT_EQ(word.cpu, Milliseconds(42));
  EXPECT_EQ(word.peak_memory.count, 4096);
  EXPECT_TRUE(word.is_disk_full);
}

}  // namespace
}  // namespace brig::runtime
