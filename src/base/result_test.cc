#include "base/result.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace brig {
namespace {

Result<int> half(int value) {
  if (value % 2 != 0) return Error(Code::kInvalidArgument, "odd");
  return value / 2;
}

Result<int> quarter(int value) { return TRY(half(TRY(half(value)))); }

TEST(Result, TryPassesValuesThrough) { EXPECT_EQ(*quarter(8), 2); }

TEST(Result, TryReturnsTheFirstError) {
  const auto result = quarter(6);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code(), Code::kInvalidArgument);
}

TEST(Result, ContextReadsOutsideIn) {
  auto result = half(3).context("divide 3").context("start");
  EXPECT_EQ(result.error().message(), "start: divide 3: odd");
}

TEST(Error, SystemErrorsKeepErrnoAndGetACode) {
  const Error error = Error::system(EPERM, "mount /proc");
  EXPECT_EQ(error.code(), Code::kDenied);
  EXPECT_EQ(error.os_error(), EPERM);
  EXPECT_EQ(error.message(), "mount /proc: Operation not permitted");
}

TEST(ResultDeathTest, AnUncheckedErrorAborts) {
  EXPECT_DEATH(
      {
        auto result = half(1);
        [[maybe_unused]] volatile int value = *result;
      },
      "");
}

}  // namespace
}  // namespace brig
