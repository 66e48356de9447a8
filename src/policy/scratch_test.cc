#include "policy/scratch.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "policy/preset.h"

namespace brig::policy {
namespace {

TEST(Scratch, OfEachPresetFitsIntoItsMemory) {
  for (std::string_view name : kPresetNames) {
    const Limits limits = preset(*find_preset(name)).limits;
    EXPECT_LE(limits.disk, scratch_room(limits.memory, limits.inodes)) << name;
  }
}

TEST(Scratch, IsWhatTheMemoryLeaves) { EXPECT_EQ(scratch_room(mebibytes(64), 1024), mebibytes(64 - 8 - 1)); }

TEST(Scratch, ThatNobodyAskedForFollowsASmallerMemory) {
  Limits limits{.memory = mebibytes(64)};
  fit_unasked_disk(limits);
  EXPECT_EQ(limits.disk, mebibytes(46));  // a page of bookkeeping for each of 10,000 files goes as well
  limits = {.memory = mebibytes(64), .disk = mebibytes(300)};
  fit_unasked_disk(limits);
  EXPECT_EQ(limits.disk, mebibytes(300)) << "that is no default";
  limits = {.memory = gibibytes(1)};
  fit_unasked_disk(limits);
  EXPECT_EQ(limits.disk, Limits().disk) << "and more memory changes nothing";
}

RC_GTEST_PROP(Scratch, LeavesMemoryForTheAgentAndIsNeverNothing, ()) {
  const Bytes memory{*rc::gen::inRange<std::uint64_t>(std::uint64_t{4} << 20, std::uint64_t{1} << 44)};
  const Bytes room = scratch_room(memory, *rc::gen::inRange<std::uint32_t>(16, 100'000'000));
  RC_ASSERT(room >= mebibytes(1));
  RC_ASSERT(room.count + (std::uint64_t{2} << 20) <= memory.count);
}

}  // namespace
}  // namespace brig::policy
