#include "image/make/step.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/make/import.h"
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

TEST(ChooseFormat, IsErofsUnlessOnlySquashfsCanBeMountedOrMade) {
  const std::string both = "nodev\tproc\n\terofs\n\tsquashfs\n";
  const std::string squashfs = "nodev\tproc\n\tsquashfs\n";
  const auto chosen = [](std::string known, bool erofs, bool squash) {
    return choose_format({.file_systems = std::move(known), .makes_erofs = erofs, .makes_squashfs = squash});
  };
  EXPECT_EQ(chosen(both, true, true).value(), Format::kErofs);
  EXPECT_EQ(chosen("", true, true).value(), Format::kErofs) << "modules that are not loaded yet";
  EXPECT_EQ(chosen(squashfs, true, true).value(), Format::kSquashfs);
  EXPECT_EQ(chosen(squashfs, true, false).value(), Format::kErofs) << "there is nothing else to make";
  EXPECT_EQ(chosen(both, false, true).value(), Format::kSquashfs);
  EXPECT_EQ(chosen(both, false, false).error().code(), Code::kUnsupported);
}

}  // namespace
}  // namespace brig::image
