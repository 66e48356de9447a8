#include "sys/seqpacket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

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

TEST(Seqpacket, NamesTheSenderOnlyWhereItWasAskedToAndTheEndHasNone) {
  auto pair = *seqpacket_pair();
  const std::byte word{1};
  std::array<std::byte, 16> buffer;
  ASSERT_TRUE(send_message(pair.first.ref(), std::span(&word, 1)).has_value());  // nobody has asked yet
  ASSERT_TRUE(name_senders(pair.second.ref()).has_value());
  EXPECT_FALSE(receive_message(pair.second.ref(), buffer)->sender.has_value());
  ASSERT_TRUE(send_message(pair.first.ref(), {}).has_value());  // a message without a byte
  const auto empty = receive_message(pair.second.ref(), buffer);
  EXPECT_EQ(empty->size, 0U);
  ASSERT_TRUE(empty->sender.has_value());
  EXPECT_EQ(empty->sender->uid, ::getuid());
  EXPECT_EQ(empty->sender->gid, ::getgid());
  pair.first.reset();
  EXPECT_FALSE(receive_message(pair.second.ref(), buffer)->sender.has_value());
}

TEST(Seqpacket, DoesNotWaitForAReaderIfToldSo) {
  auto pair = *seqpacket_pair();
  const std::array<std::byte, 4096> bytes{};
  Result<> sent;
  for (int i = 0; i < 10'000 && sent.has_value(); ++i) sent = send_message(pair.first.ref(), bytes, {}, IfFull::kFail);
  ASSERT_FALSE(sent.has_value());
  EXPECT_EQ(sent.error().os_error(), EAGAIN);
}

TEST(Seqpacket, KnowsUnixSocketsByType) {
  auto stream = *stream_pair();
  auto packets = *seqpacket_pair();
  EXPECT_TRUE(is_unix_socket(stream.first.ref(), SOCK_STREAM));
  EXPECT_FALSE(is_unix_socket(stream.first.ref(), SOCK_SEQPACKET));
  EXPECT_TRUE(is_unix_socket(packets.first.ref(), SOCK_SEQPACKET));
  EXPECT_FALSE(is_unix_socket(Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)).ref(), SOCK_STREAM));
  EXPECT_FALSE(is_unix_socket(Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)).ref(), SOCK_STREAM));
}

}  // namespace
}  // namespace brig::sys
