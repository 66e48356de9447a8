#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <vector>

#include <boost/asio/post.hpp>

#include "async/notifier.h"
#include "async/run.h"
#include "async/stream.h"
#include "async/task_group.h"
#include "async/timer.h"

namespace brig {
namespace {

using std::chrono::hours;

Task<int> answer() { co_return 42; }

Task<int> answer_or(Code code) { co_return Error(code, "no"); }

TEST(Run, ReturnsTheValueOrTheError) {
  asio::io_context io;
  EXPECT_EQ(*run(io, answer()), 42);
  EXPECT_EQ(run(io, answer_or(Code::kDenied)).error().code(), Code::kDenied);
}

Task<> set_when_notified(std::shared_ptr<Notifier> notifier, std::shared_ptr<int> value) {
  auto waited = co_await notifier->wait();
  *value = waited.has_value() ? 1 : 2;
  co_return waited;
}

TEST(Timeout, EndsWhatTakesTooLong) {
  asio::io_context io;
  const auto result = run(io, with_timeout(Milliseconds(1), sleep(hours(1)), "sleeping"));
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code(), Code::kDeadline);
  EXPECT_EQ(result.error().message(), "sleeping took longer than 1ms");
}

TEST(Timer, AsLongAsCanBeWrittenIsNotOverAtOnce) {
  asio::io_context io;
  const auto result = run(io, with_timeout(Milliseconds(1), sleep(Milliseconds::max() / 2), "sleeping"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), Code::kDeadline);
}

TEST(Timeout, PassesOnWhatIsDoneInTime) {
  asio::io_context io;
  EXPECT_EQ(*run(io, with_timeout(hours(1), answer(), "answering")), 42);
  EXPECT_EQ(run(io, with_timeout(hours(1), answer_or(Code::kNotFound), "answering")).error().code(), Code::kNotFound);
}

TEST(Notifier, WakesWhoWaits) {
  asio::io_context io;
  auto notifier = std::make_shared<Notifier>(io.get_executor());
  auto value = std::make_shared<int>(0);
  TaskGroup group(io.get_executor());
  group.spawn(set_when_notified(notifier, value));
  io.poll();
  EXPECT_EQ(*value, 0);
  notifier->notify();
  io.restart();
  io.poll();
  EXPECT_EQ(*value, 1);
  EXPECT_EQ(group.size(), 0U);
}

TEST(TaskGroup, CancelsOnDestruction) {
  asio::io_context io;
  auto notifier = std::make_shared<Notifier>(io.get_executor());
  auto value = std::make_shared<int>(0);
  {
    TaskGroup group(io.get_executor());
    group.spawn(set_when_notified(notifier, value));
    io.poll();
    EXPECT_EQ(group.size(), 1U);
  }
  io.restart();
  io.run();  // returns: nothing is left
  EXPECT_EQ(*value, 2);
}

Task<> fail() { co_return Error(Code::kDenied, "no"); }

Task<> note_begin(std::shared_ptr<bool> has_begun) {
  *has_begun = true;
  co_return Result<>();
}

TEST(TaskGroup, ATaskThatHadNotBegunNeverBegins) {
  asio::io_context io;
  const auto has_begun = std::make_shared<bool>(false);
  {
    TaskGroup group(io.get_executor());
    group.spawn(note_begin(has_begun));
  }
  io.run();
  EXPECT_FALSE(*has_begun);
  EXPECT_EQ(has_begun.use_count(), 1) << "what it owned is let go";
}

Task<> cancel_own_group(std::shared_ptr<std::unique_ptr<TaskGroup>> group, std::shared_ptr<bool> has_ended) {
  (*group)->cancel();
  *has_ended = true;
  co_return Result<>();
}

/// A deadline that has passed when its watch begins ends what the watch belongs to, from inside the watch.
TEST(TaskGroup, ATaskMayCancelItsOwnGroupBeforeItFirstWaits) {
  asio::io_context io;
  const auto group = std::make_shared<std::unique_ptr<TaskGroup>>(std::make_unique<TaskGroup>(io.get_executor()));
  const auto has_ended = std::make_shared<bool>(false);
  asio::post(io, [group, has_ended] { (*group)->spawn(cancel_own_group(group, has_ended)); });
  EXPECT_NO_THROW(io.run());
  EXPECT_TRUE(*has_ended);
  EXPECT_EQ((*group)->size(), 0U);
}

TEST(TaskGroup, ReportsFailures) {
  asio::io_context io;
  std::vector<Code> failures;
  TaskGroup group(io.get_executor(), [&](const Error& error) { failures.push_back(error.code()); });
  group.spawn(fail());
  group.spawn(sleep(hours(1)));
  io.poll();
  EXPECT_EQ(failures, std::vector<Code>{Code::kDenied});
  group.cancel();
  io.restart();
  io.run();
  EXPECT_EQ(failures.size(), 1U);  // being cancelled is no failure
}

struct Pair {
  Fd a;
  Fd b;
};
Pair socket_pair(int type) {
  int fds[2];
  EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds), 0);
  return {Fd(fds[0]), Fd(fds[1])};
}

Task<std::size_t> read_into(std::shared_ptr<StreamSocket> socket, std::shared_ptr<std::array<std::byte, 8>> buffer) {
  co_return co_await socket->read_some(*buffer);
}
Task<> write_from(std::shared_ptr<StreamSocket> socket, std::shared_ptr<std::array<std::byte, 8>> buffer) {
  co_return co_await socket->write_all(*buffer);
}

TEST(StreamSocket, ReadsWritesAndNoticesTheEnd) {
  asio::io_context io;
  auto [a, b] = socket_pair(SOCK_STREAM);
  auto left = std::make_shared<StreamSocket>(*StreamSocket::adopt(io.get_executor(), std::move(a)));
  auto right = std::make_shared<StreamSocket>(*StreamSocket::adopt(io.get_executor(), std::move(b)));
  auto sent = std::make_shared<std::array<std::byte, 8>>();
  sent->fill(std::byte{7});
  auto got = std::make_shared<std::array<std::byte, 8>>();
  ASSERT_TRUE(run(io, write_from(left, sent)).has_value());
  EXPECT_EQ(*run(io, read_into(right, got)), 8U);
  EXPECT_EQ(*got, *sent);
  left->close();
  EXPECT_EQ(*run(io, read_into(right, got)), 0U);
  EXPECT_EQ(run(io, write_from(right, sent)).error().code(), Code::kUnavailable);
}

TEST(StreamSocket, RefusesWhatIsNoStream) {
  asio::io_context io;
  auto [a, b] = socket_pair(SOCK_SEQPACKET);
  EXPECT_FALSE(StreamSocket::adopt(io.get_executor(), std::move(a)).has_value());
}

TEST(WaitReadable, WaitsForBytesAndLeavesTheDescriptorOpen) {
  asio::io_context io;
  auto [a, b] = socket_pair(SOCK_STREAM);
  EXPECT_EQ(run(io, with_timeout(Milliseconds(1), wait_readable(a.ref()), "waiting")).error().code(), Code::kDeadline);
  ASSERT_EQ(::write(b.get(), "x", 1), 1);
  EXPECT_TRUE(run(io, wait_readable(a.ref())).has_value());
  EXPECT_TRUE(run(io, wait_readable(a.ref())).has_value());  // again: it was given back
  char byte = 0;
  EXPECT_EQ(::read(a.get(), &byte, 1), 1);
}

}  // namespace
}  // namespace brig
