#include "image/make/step.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "policy/scratch.h"

namespace brig::image {
namespace {

using ::testing::HasSubstr;

TEST(Step, StaysInMemory) {
  const policy::Limits limits = step_limits();
  EXPECT_LE(limits.disk, policy::scratch_room(limits.memory, limits.inodes))
      << "else each step gets a file system on the disk";
  EXPECT_GE(limits.disk, gibibytes(3)) << "an image file";
}

TEST(Step, ThatTookTooMuchMemorySaysHowMuchThereIs) {
  const auto done =
      expect_success({.exit = {.cause = runtime::Cause::kMemoryLimit}, .output = "", .note = ""}, "RUN x");
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code(), Code::kExhausted);
  EXPECT_THAT(done.error().message(), HasSubstr("RUN x needed more than the 4G of memory"));
  EXPECT_THAT(done.error().message(), HasSubstr("do less in one step"));
}

}  // namespace
}  // namespace brig::image
