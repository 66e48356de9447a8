#include "sandboxes/output_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <memory>
#include <string>
#include <utility>

#include "sys/file.h"

namespace brig::sandboxes {
namespace {

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

/// Logs of one sandbox.
struct Rig {
  explicit Rig(SpoolLimits limits = {.reserve = {}}) : spool(std::make_shared<Spool>(folder.ref(), limits)) {}
  Fd folder = *sys::open("/tmp", O_PATH | O_DIRECTORY);
  std::shared_ptr<Spool> spool;
};

std::string read_from(const OutputLog& log, std::uint64_t offset, std::size_t piece) {
  std::string text;
  std::string buffer(piece, '\0');
  while (true) {
    const auto count = log.read(offset, std::as_writable_bytes(std::span(buffer)));
    if (!count || *count == 0) return text;
    text.append(buffer, 0, *count);
    offset += *count;
  }
}

RC_GTEST_PROP(OutputLog, GivesBackWhatWasWrittenFromAnyOffset, ()) {
  const Rig rig;
  OutputLog log(rig.spool);
  std::string all;
  const int pieces = *rc::gen::inRange(0, 12);
  for (int i = 0; i < pieces; ++i) {
    const std::string piece(*rc::gen::inRange<std::size_t>(0, 40'000), static_cast<char>('a' + i));
    log.append(bytes_of(piece));
    all += piece;
  }
  const auto offset = *rc::gen::inRange<std::size_t>(0, all.size() + 2);
  RC_ASSERT(read_from(log, offset, *rc::gen::inRange<std::size_t>(1, 70'000)) ==
            all.substr(std::min(offset, all.size())));
  RC_ASSERT(log.total() == all.size());
  RC_ASSERT(log.dropped() == 0U);
}

TEST(OutputLog, TextKeepsHeadAndTailAndSaysWhatIsBetween) {
  const Rig rig;
  OutputLog log(rig.spool);
  log.append(bytes_of("0123456789"));
  const auto text = log.text(4);
  ASSERT_TRUE(text);
  EXPECT_EQ(text->text, "01\n[… 6 bytes elided …]\n89");
  EXPECT_EQ(text->elided, 6U);
  EXPECT_EQ(log.text(10)->text, "0123456789");
  EXPECT_EQ(log.text(10)->elided, 0U);
}

/// A disk that takes no more: here, a limit on the size of files.
TEST(OutputLog, SaysWhatItCouldNotKeep) {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{64 << 10, RLIM_INFINITY};
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const Rig rig;
  OutputLog log(rig.spool);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const std::string chunk(50'000, 'x');
  for (int i = 0; i < 4; ++i) log.append(bytes_of(chunk));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(log.total(), 200'000U);
  EXPECT_GT(log.dropped(), 0U);
  EXPECT_EQ(log.kept() + log.dropped(), log.total());
  EXPECT_EQ(read_from(log, 0, 65'536).size(), log.kept());
  EXPECT_NE(log.text(1 << 20)->text.find(std::to_string(log.dropped()) + " bytes elided"), std::string::npos);
}

void print(OutputLog& log, std::size_t size) { log.append(bytes_of(std::string(size, 'x'))); }

TEST(OutputLog, TakesNoMoreThanTheSandboxsShare) {
  const Rig rig({.most = {5 * Spool::kBlock}, .reserve = {}});
  OutputLog one(rig.spool);
  OutputLog two(rig.spool);
  for (int i = 0; i < 10; ++i) {
    print(one, 30'000);
    print(two, 30'000);
  }
  EXPECT_EQ(rig.spool->used().count, 5 * Spool::kBlock);
  EXPECT_GT(one.dropped() + two.dropped(), 0U);
  EXPECT_GT(one.kept() + two.kept(), 4 * Spool::kBlock);
  EXPECT_EQ(read_from(one, 0, 65'536).size(), one.kept());
  EXPECT_EQ(one.total(), 300'000U);
}

TEST(OutputLog, LeavesTheLastOfTheDiskAlone) {
  const Rig rig({.reserve = {std::uint64_t{1} << 60}});
  OutputLog log(rig.spool);
  print(log, 100'000);
  EXPECT_EQ(rig.spool->used().count, 0U);
  EXPECT_EQ(log.kept(), OutputLog::kMemoryMax);
  EXPECT_EQ(log.dropped(), 100'000 - OutputLog::kMemoryMax);
}

TEST(OutputLog, KeepsLittleInMemoryOnceItIsClosed) {
  const Rig rig;
  OutputLog small(rig.spool);
  OutputLog big(rig.spool);
  print(small, 100);
  print(big, 50'000);
  EXPECT_EQ(big.in_memory(), 50'000U);
  small.close();
  big.close();
  EXPECT_EQ(small.in_memory(), 100U);
  EXPECT_EQ(big.in_memory(), 0U);
  EXPECT_EQ(read_from(small, 0, 1000), std::string(100, 'x'));
  EXPECT_EQ(read_from(big, 0, 1000), std::string(50'000, 'x'));
}

TEST(OutputLog, KeepsItInMemoryIfThereIsNoRoomElsewhere) {
  const Rig rig({.most = {}});
  OutputLog log(rig.spool);
  print(log, 50'000);
  log.close();
  EXPECT_EQ(read_from(log, 0, 1000), std::string(50'000, 'x'));
  EXPECT_EQ(log.dropped(), 0U);
}

TEST(OutputLog, GivesItsRoomBackAndAsksForSomeWhenThereIsNone) {
  const Rig rig({.most = {4 * Spool::kBlock}, .reserve = {}});
  auto old = std::make_unique<OutputLog>(rig.spool);
  print(*old, 3 * Spool::kBlock);
  int asked = 0;
  rig.spool->on_full([&] {
    ++asked;
    return std::exchange(old, nullptr) != nullptr;
  });
  OutputLog log(rig.spool);
  std::string all;
  for (char c = 'a'; c < 'k'; ++c) {
    const std::string piece(25'000, c);
    log.append(bytes_of(piece));
    all += piece;
  }
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(log.dropped(), 0U);
  EXPECT_EQ(read_from(log, 0, 65'536), all);
}

}  // namespace
}  // namespace brig::sandboxes
