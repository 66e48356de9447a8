// The agent against a peer that is not our host: it ends with 70, at once, and takes what it started with it.
#include <fcntl.h>

#include <vector>

#include "agent_process.h"
#include "guest/messages.h"

namespace brig::guest {
namespace {

constexpr int kBroken = 70;

class HostileHost {
 public:
  template <class Message>
  HostileHost& say(const Message& message, std::uint32_t channel) {
    std::array<std::byte, 1024> frame;
    const auto length = encode(message, channel, frame);
    EXPECT_TRUE(length.has_value());
    return raw(std::span(frame).first(*length));
  }
  HostileHost& data(std::size_t size, std::uint32_t channel, Stream stream = Stream::kIn) {
    std::vector<std::byte> frame(kHeaderSize + size);
    encode_header(
        {.length = static_cast<std::uint32_t>(size), .type = Type::kData, .stream = stream, .channel = channel},
        std::span(frame).first<kHeaderSize>());
    return raw(frame);
  }
  HostileHost& raw(std::span<const std::byte> bytes) {
    // The agent may be gone before everything is sent: that is what the test is about.
    while (!bytes.empty()) {
      const ssize_t sent = ::send(agent_.channel().get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) break;
      bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
    return *this;
  }
  HostileHost& exec(std::uint32_t channel, std::uint8_t flags = 0) {
    std::array<std::byte, 64> buffer;
    StringListWriter argv(buffer);
    EXPECT_TRUE(argv.add("sleep"));
    EXPECT_TRUE(argv.add("100"));
    return say(Exec{.flags = flags, .cwd = "/", .argv = argv.list()}, channel);
  }
  int end() { return agent_.wait(); }
  AgentProcess& agent() { return agent_; }

 private:
  AgentProcess agent_;
};

TEST(HostileHost, Garbage) {
  const std::array<std::byte, 64> ones = [] {
    std::array<std::byte, 64> bytes;
    bytes.fill(std::byte{0xff});
    return bytes;
  }();
  EXPECT_EQ(HostileHost().raw(ones).end(), kBroken);
}

TEST(HostileHost, SpeaksBeforeTheHandshake) { EXPECT_EQ(HostileHost().exec(1).end(), kBroken); }

TEST(HostileHost, GreetsTwice) { EXPECT_EQ(HostileHost().say(Hello{}, 0).say(Hello{}, 0).end(), kBroken); }

TEST(HostileHost, SpeaksAnotherVersion) { EXPECT_EQ(HostileHost().say(Hello{.version = 99}, 0).end(), kBroken); }

TEST(HostileHost, UsesAChannelThatNobodyOpened) {
  EXPECT_EQ(HostileHost().say(Hello{}, 0).say(Signal{.number = 9}, 5).end(), kBroken);
}

TEST(HostileHost, OpensAChannelTwice) { EXPECT_EQ(HostileHost().say(Hello{}, 0).exec(1).exec(1).end(), kBroken); }

TEST(HostileHost, SendsWhatOnlyTheGuestMaySend) {
  EXPECT_EQ(HostileHost().say(Hello{}, 0).say(Started{.pid = 1}, 1).end(), kBroken);
}

TEST(HostileHost, SendsMoreInputThanItHasCreditFor) {
  HostileHost host;
  host.say(Hello{}, 0).exec(1, Exec::kHasStdin);
  EXPECT_EQ(host.data(kPayloadMax, 1).data(kPayloadMax, 1).data(kPayloadMax, 1).end(), kBroken);
}

TEST(HostileHost, GivesCreditWithoutEnd) {
  EXPECT_EQ(HostileHost().say(Hello{}, 0).exec(1).say(Window{.bytes = kWindowMax}, 1).end(), kBroken);
}

TEST(HostileHost, SendsInputOnAnOutputStream) {
  EXPECT_EQ(HostileHost().say(Hello{}, 0).exec(1, Exec::kHasStdin).data(1, 1, Stream::kOut).end(), kBroken);
}

TEST(HostileHost, SendsEmptyData) {
  EXPECT_EQ(HostileHost().say(Hello{}, 0).exec(1, Exec::kHasStdin).data(0, 1).end(), kBroken);
}

TEST(HostileHost, LateMessagesForAChannelThatIsOverAreHarmless) {
  HostileHost host;
  host.say(Hello{}, 0).say(Stat{.path = "/"}, 1).say(Close{}, 1).say(Signal{.number = 9}, 1).data(10, 1).say(Stop{}, 0);
  EXPECT_EQ(host.end(), 0);
}

TEST(HostileHost, ClosingTheChannelMidFrameEndsTheAgent) {
  HostileHost host;
  host.say(Hello{}, 0).raw(std::array<std::byte, 3>{});
  host.agent().take_channel().reset();
  EXPECT_EQ(host.end(), 0);
}

TEST(HostileHost, NotReadingAnswersDoesNotMakeTheAgentGrow) {
  HostileHost host;
  ::fcntl(host.agent().channel().get(), F_SETFL, O_NONBLOCK);
  host.say(Hello{}, 0);
  std::uint32_t channel = 1;
  std::array<std::byte, 128> frame;
  int refusals = 0;
  while (refusals < 100) {  // until it takes no more, for a while
    const auto length = encode(Stat{.path = "/"}, channel, frame);
    if (::send(host.agent().channel().get(), frame.data(), *length, MSG_NOSIGNAL) == static_cast<ssize_t>(*length)) {
      ++channel;
      refusals = 0;
    } else {
      ASSERT_EQ(errno, EAGAIN);
      ++refusals;
      ::usleep(1000);
    }
    ASSERT_LT(channel, 1'000'000U) << "it never stops taking requests whose answers nobody reads";
  }
  ::kill(host.agent().pid(), SIGKILL);
}

}  // namespace
}  // namespace brig::guest
