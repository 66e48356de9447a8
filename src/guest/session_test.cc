// The session against a guest that lies. Everything it says is written into the socket beforehand; then the session
// reads it.
#include "guest/session.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <vector>

#include "async/run.h"
#include "async/task_group.h"
#include "async/timer.h"
#include "guest/file_messages.h"
#include "guest/messages.h"

namespace brig::guest {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Kept final : public OutputSink {
 public:
  void on_output(Stream, std::span<const std::byte> bytes) override {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  std::string text;
};

struct HostileGuest : ::testing::Test {
  HostileGuest() {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    guest_ = Fd(fds[0]);
    const int size = 1 << 20;
    EXPECT_EQ(::setsockopt(guest_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) == 0 ||
                  ::setsockopt(guest_.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0,
              true);
    session_ = *Session::connect(io_.get_executor(), Fd(fds[1]));
  }

  template <class Message>
  HostileGuest& say(const Message& message, std::uint32_t channel) {
    std::array<std::byte, 9000> frame;
    const auto length = encode(message, channel, frame);
    EXPECT_TRUE(length.has_value());
    return raw(std::span(frame).first(*length));
  }
  HostileGuest& data(std::size_t size, std::uint32_t channel, Stream stream = Stream::kOut) {
    std::vector<std::byte> frame(kHeaderSize + size, std::byte{'x'});
    encode_header(
        {.length = static_cast<std::uint32_t>(size), .type = Type::kData, .stream = stream, .channel = channel},
        std::span(frame).first<kHeaderSize>());
    return raw(frame);
  }
  HostileGuest& end(std::uint32_t channel, Stream stream) {
    std::array<std::byte, kHeaderSize> frame;
    encode_header({.type = Type::kEnd, .stream = stream, .channel = channel}, frame);
    return raw(frame);
  }
  HostileGuest& raw(std::span<const std::byte> bytes) {
    EXPECT_EQ(::send(guest_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT),
              static_cast<ssize_t>(bytes.size()));
    return *this;
  }
  HostileGuest& hello() { return say(HelloAck{}, 0); }

  template <class T>
  Result<T> await(Task<T> task) {
    return run(io_, with_timeout(seconds(10), std::move(task), "the test"));
  }
  /// Channel 1 is a command that has started.
  void start() {
    auto starting = session_->exec({.argv = {"x"}}, sink_);
    hello().say(Started{.pid = 2}, 1);
    process_ = *await(std::move(starting));
  }
  /// The session must have failed, for everybody, because the guest broke the protocol like this.
  void expect_broken(std::string_view how) {
    const auto other = await(session_->stat(*GuestPath::parse("/")));
    ASSERT_FALSE(other.has_value());
    EXPECT_EQ(other.error().code(), Code::kInternal) << other.error().message();
    EXPECT_EQ(other.error().os_error(), 0);
    EXPECT_NE(other.error().message().find("the guest broke the protocol: " + std::string(how)), std::string::npos)
        << other.error().message();
    char byte = 0;  // and the channel is closed
    while (::recv(guest_.get(), &byte, 1, 0) > 0) {
    }
    EXPECT_LE(::recv(guest_.get(), &byte, 1, 0), 0);
  }

  asio::io_context io_;
  Fd guest_;
  std::unique_ptr<Session> session_;
  Kept sink_;
  std::unique_ptr<Process> process_;
};

TEST_F(HostileGuest, AnHonestOneWorks) {
  start();
  data(3, 1).end(1, Stream::kOut).end(1, Stream::kErr).say(Exited{.value = 3}, 1);
  EXPECT_EQ(await(process_->wait())->value, 3);
  EXPECT_TRUE(*await(process_->drain(seconds(5))));
  EXPECT_EQ(sink_.text, "xxx");
}

TEST_F(HostileGuest, Garbage) {
  hello().raw(std::vector<std::byte>(64, std::byte{0xff}));
  EXPECT_EQ(await(session_->stat(*GuestPath::parse("/"))).error().code(), Code::kInternal);
}

TEST_F(HostileGuest, AnotherVersion) {
  say(HelloAck{.version = kProtocolVersion + 1}, 0);
  const auto ready = await(session_->ready());
  EXPECT_EQ(ready.error().code(), Code::kUnsupported);
  EXPECT_NE(ready.error().message().find("version " + std::to_string(kProtocolVersion + 1)), std::string::npos);
}

TEST_F(HostileGuest, SpeaksBeforeTheHandshake) {
  auto starting = session_->exec({.argv = {"x"}}, sink_);
  say(Started{.pid = 2}, 1);
  EXPECT_EQ(await(std::move(starting)).error().code(), Code::kInternal);
}

TEST_F(HostileGuest, AnswersTheHandshakeTwice) {
  start();
  hello();
  expect_broken("it answered the handshake twice");
}

TEST_F(HostileGuest, SpeaksForNobody) {
  start();
  say(Exited{}, 7);
  expect_broken("a message for an operation that nobody asked for");
}

TEST_F(HostileGuest, EndsTwice) {
  start();
  say(Exited{}, 1).say(Exited{}, 1);
  expect_broken("a command that ends twice");
}

TEST_F(HostileGuest, StartsTwice) {
  start();
  say(Started{.pid = 3}, 1);
  expect_broken("a command that starts twice");
}

TEST_F(HostileGuest, FailsAfterItStarted) {
  start();
  say(Failed{.os_error = 2}, 1);
  expect_broken("a started command that fails to start");
}

TEST_F(HostileGuest, WritesOnAStreamThatHasEnded) {
  start();
  end(1, Stream::kOut).data(1, 1);
  expect_broken("output on a closed stream");
}

TEST_F(HostileGuest, WritesOnAStreamThatNobodyAskedFor) {
  start();
  data(1, 1, Stream::kResults);
  expect_broken("output on a closed stream");
}

TEST_F(HostileGuest, EndsAStreamTwice) {
  start();
  end(1, Stream::kErr).end(1, Stream::kErr);
  expect_broken("the end of a closed stream");
}

TEST_F(HostileGuest, SendsNothingForEver) {
  start();
  data(0, 1);
  expect_broken("data without bytes");
}

TEST_F(HostileGuest, SendsMoreThanItHasCreditFor) {
  auto starting = session_->exec({.argv = {"x"}, .credit = Credit::kManual}, sink_);
  hello().say(Started{.pid = 2}, 1);
  process_ = *await(std::move(starting));
  for (int i = 0; i < 4; ++i) {
    data(kPayloadMax, 1);
    io_.restart();
    io_.poll();
  }
  EXPECT_EQ(sink_.text.size(), kWindow);
  data(1, 1);
  expect_broken("more bytes than it was given credit for");
  EXPECT_EQ(sink_.text.size(), kWindow);
}

TEST_F(HostileGuest, GivesCreditThatCannotBe) {
  start();
  say(Window{.bytes = kWindowMax}, 1);
  expect_broken("credit that cannot be");
}

TEST_F(HostileGuest, ClosesWhatNobodyClosed) {
  start();
  say(Closed{}, 1);
  expect_broken("it closed what nobody asked it to close");
}

TEST_F(HostileGuest, TreatsACommandAsAFile) {
  start();
  say(Done{}, 1);
  expect_broken("a command that is done like a file");
}

TEST_F(HostileGuest, SendsWhatOnlyTheHostMaySend) {
  start();
  say(Stop{}, 1);
  expect_broken("a message that only the host may send");
}

TEST_F(HostileGuest, ListsMoreThanWasAskedFor) {
  auto listing = session_->list({.path = *GuestPath::parse("/"), .max_entries = 2});
  hello();
  for (int i = 0; i < 3; ++i) say(Entry{.path = "x"}, 1);
  EXPECT_EQ(await(std::move(listing)).error().code(), Code::kInternal);
}

TEST_F(HostileGuest, SendsMoreOfAFileThanWasAskedFor) {
  std::size_t got = 0;
  auto reading = session_->read_file(*GuestPath::parse("/x"), 0, 10, [&](std::span<const std::byte> bytes) -> Result<> {
    got += bytes.size();
    return {};
  });
  hello().data(11, 1, Stream::kFile);
  EXPECT_EQ(await(std::move(reading)).error().code(), Code::kInternal);
  EXPECT_EQ(got, 0U);
}

TEST_F(HostileGuest, AnswersAStatWithoutAFile) {
  auto stat = session_->stat(*GuestPath::parse("/x"));
  hello().say(Done{}, 1);
  EXPECT_EQ(await(std::move(stat)).error().code(), Code::kInternal);
}

TEST_F(HostileGuest, IsDoneWithAFileThatIsStillBeingWritten) {
  const std::vector<std::byte> big(kWindow + 1);
  auto writing = session_->write_file(*GuestPath::parse("/x"), big, {});
  hello().say(Done{}, 1);
  EXPECT_EQ(await(std::move(writing)).error().code(), Code::kInternal);
}

TEST_F(HostileGuest, SendsBytesOfAConnectionThatIsNotOpen) {
  auto dialling = session_->dial(80);
  hello().data(1, 1, Stream::kOut);
  EXPECT_EQ(await(std::move(dialling)).error().code(), Code::kInternal);
}

TEST_F(HostileGuest, SendsMoreOnAConnectionThanItHasCreditFor) {
  auto dialling = session_->dial(80);
  hello().say(Connected{}, 1);
  const auto connection = *await(std::move(dialling));
  for (std::size_t sent = 0; sent <= kWindow; sent += 60'000) data(60'000, 1);
  (void)await(session_->closed());
  expect_broken("more bytes than it was given credit for");
  std::array<std::byte, 4> some;
  EXPECT_EQ(await(connection->read_some(some)).value_or(0), 4U) << "what came in time stays";
}

TEST_F(HostileGuest, IsDoneWithAConnectionBeforeItsEnd) {
  auto dialling = session_->dial(80);
  hello().say(Connected{}, 1);
  const auto connection = *await(std::move(dialling));
  say(Done{}, 1);
  (void)await(session_->closed());
  expect_broken("a connection that is done before its end");
}

TEST_F(HostileGuest, OpensWhatNobodyAskedFor) {
  auto stat = session_->stat(*GuestPath::parse("/"));
  hello().say(Connected{}, 1);
  EXPECT_FALSE(await(std::move(stat)).has_value());
  expect_broken("something opens that nobody asked for");
}

TEST_F(HostileGuest, NamesPortsOutOfOrder) {
  auto ports = session_->listening_ports();
  hello().say(Port{.port = 80}, 1).say(Port{.port = 80}, 1);
  EXPECT_FALSE(await(std::move(ports)).has_value());
  expect_broken("ports out of order");
}

TEST_F(HostileGuest, TellsOfAChangeThatNobodyAskedFor) {
  auto watching = session_->watch(*GuestPath::parse("/"), true);
  hello().say(Change{.path = "x"}, 1);
  EXPECT_FALSE(await(std::move(watching)).has_value());
  expect_broken("a change that nobody asked for");
}

TEST_F(HostileGuest, TellsOfMoreChangesThanItHasCreditFor) {
  auto watching = session_->watch(*GuestPath::parse("/"), true);
  hello().say(Watching{}, 1);
  const auto watcher = *await(std::move(watching));
  const std::string name(kPathMax, 'x');
  for (std::size_t i = 0; i <= kWindow / kPathMax; ++i) say(Change{.path = name}, 1);
  (void)await(session_->closed());
  expect_broken("more bytes than it was given credit for");
  EXPECT_EQ((*await(watcher->next()))->path, name);
}

TEST_F(HostileGuest, ForgesTerminalCodesInAnErrorText) {
  auto stat = session_->stat(*GuestPath::parse("/x"));
  hello().say(Failed{.os_error = 2, .text = "\x1b[2J"}, 1);
  const auto result = await(std::move(stat));
  EXPECT_EQ(result.error().os_error(), 2);
  EXPECT_EQ(result.error().message(), "stat /x: in the sandbox: \\x1b[2J: No such file or directory");
}

TEST_F(HostileGuest, HangsUp) {
  start();
  guest_.reset();
  EXPECT_EQ(await(process_->wait()).error().code(), Code::kUnavailable);
}

TEST_F(HostileGuest, WhatEndsTheSessionIsToldToWhoeverAsks) {
  auto waiting = session_->closed();
  hello().say(Exited{}, 9);
  const auto told = await(std::move(waiting));
  ASSERT_FALSE(told.has_value());
  EXPECT_EQ(told.error().code(), Code::kInternal);
  EXPECT_EQ(await(session_->closed()).error().message(), told.error().message()) << "afterwards as well";
}

TEST_F(HostileGuest, TheEndIsWaitedForWhileOthersWork) {
  Result<> told;
  bool has_ended = false;
  TaskGroup watchers(io_.get_executor(), [&](const Error& error) {
    told = error;
    has_ended = true;
  });
  watchers.spawn(session_->closed());
  auto stat = session_->stat(*GuestPath::parse("/"));
  hello().say(Entry{}, 1).say(Done{}, 1);
  EXPECT_TRUE(await(std::move(stat)).has_value());
  EXPECT_FALSE(has_ended);
  guest_.reset();
  (void)await(session_->closed());
  io_.restart();
  while (!has_ended && io_.run_one() > 0) {
  }
  EXPECT_EQ(told.error().code(), Code::kUnavailable);
}

TEST_F(HostileGuest, TheEndOfTheSessionIsACancellation) {
  auto waiting = session_->closed();
  session_.reset();
  EXPECT_EQ(await(std::move(waiting)).error().code(), Code::kCancelled);
}

TEST_F(HostileGuest, SaysNothingAtAll) {
  const auto ready = run(io_, with_timeout(milliseconds(1), session_->ready(), "the handshake"));
  EXPECT_EQ(ready.error().code(), Code::kDeadline);
  auto never = session_->stat(*GuestPath::parse("/"));
  session_.reset();
  EXPECT_EQ(await(std::move(never)).error().code(), Code::kCancelled);
}

TEST_F(HostileGuest, TheEndSaidBeforeTheViolationStays) {
  start();
  say(Exited{.value = 5}, 1).say(Exited{.value = 6}, 1);
  expect_broken("a command that ends twice");
  EXPECT_EQ(await(process_->wait())->value, 5);
}

TEST_F(HostileGuest, ATaskThatIsDroppedClosesItsChannel) {
  {
    auto dropped = session_->read_file(*GuestPath::parse("/x"), 0, 10, [](auto) -> Result<> { return {}; });
  }
  hello().data(5, 1, Stream::kFile).say(Closed{}, 1);  // what was under way is dropped, and the session lives
  EXPECT_TRUE(await(session_->ready()).has_value());
  auto stat = session_->stat(*GuestPath::parse("/"));
  say(Entry{}, 2).say(Done{}, 2);
  EXPECT_TRUE(await(std::move(stat)).has_value());
}

}  // namespace
}  // namespace brig::guest
