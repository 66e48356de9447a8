#include "sys/seqpacket.h"

#include <gtest/gtest.h>

namespace brig::sys {
namespace {

TEST(Seqpacket, LastWordsAreHeardThoughOursWereNot) {
  auto pair = *seqpacket_pair();
  const std::byte word{1};
  ASSERT_TRUE(send_message(pair.first.ref(), std::span(&word, 1)).has_value());   // never read
  ASSERT_TRUE(send_message(pair.second.ref(), std::span(&word, 1)).has_value());  // the last words
  pair.second.reset();
  std::array<std::byte, 16> buffer;
  EXPECT_EQ((*receive_message(pair.first.ref(), buffer)).size, 1U);
  EXPECT_EQ((*receive_message(pair.first.ref(), buffer)).size, 0U);
}

}  // namespace
}  // namespace brig::sys
