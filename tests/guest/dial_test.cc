// Connections to ports inside. The agent is an ordinary process here, so "inside" is this machine's loopback, and the
// programs that listen are threads of the test.
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <functional>
#include <future>
#include <thread>

#include "agent_process.h"
#include "async/task_group.h"

namespace brig::guest {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

/// A server for some connections, each handled in turn.
class Server {
 public:
  using Handler = std::function<void(int)>;

  Server(int family, int connections, const Handler& handler) : fd_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (family == AF_INET) {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      listen_on(address, &sockaddr_in::sin_port);
    } else {
      sockaddr_in6 address{};
      address.sin6_family = AF_INET6;
      address.sin6_addr = in6addr_loopback;
      listen_on(address, &sockaddr_in6::sin6_port);
    }
    thread_ = std::thread([this, connections, handler] {
      for (int i = 0; i < connections; ++i) {
        const Fd taken(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!taken.is_open()) return;
        handler(taken.get());
      }
    });
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    ::shutdown(fd_.get(), SHUT_RDWR);  // wakes accept
    thread_.join();
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  template <class Address, class Port>
  void listen_on(Address address, Port port) {
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(fd_.get(), 100), 0);
    EXPECT_EQ(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.*port);
  }

  Fd fd_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

/// All that comes until its end, then all of it back, then the end.
void echo(int fd) {
  std::string all(1 << 16, '\0');
  std::string kept;
  ssize_t count = 0;
  while ((count = ::recv(fd, all.data(), all.size(), 0)) > 0) kept.append(all.data(), static_cast<std::size_t>(count));
  for (std::string_view rest = kept; !rest.empty();) {
    const ssize_t sent = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
}

Task<std::string> read_all(Connection& connection) {
  std::string all;
  std::vector<std::byte> buffer(30'000);
  while (true) {
    CO_TRY(const std::size_t count, co_await connection.read_some(buffer));
    if (count == 0) co_return all;
    all.append(reinterpret_cast<const char*>(buffer.data()), count);
  }
}

Task<> exchange(Session& session, std::uint16_t port, std::string text, std::string& answer) {
  CO_TRY(const auto connection, co_await session.dial(port));
  CO_TRY_VOID(co_await connection->write_all(bytes_of(text)));
  CO_TRY_VOID(connection->shutdown_write());
  CO_TRY(answer, co_await read_all(*connection));
  co_return Result<>();
}

class DialTest : public SessionTest {
 protected:
  std::unique_ptr<Connection> dial(std::uint16_t port) {
    auto connection = await(session_->dial(port));
    EXPECT_TRUE(connection.has_value()) << connection.error().message();
    return connection ? *std::move(connection) : nullptr;
  }
  /// Until the agent has heard what was said so far, for which the servers wait.
  void settle() { EXPECT_TRUE(await(session_->stat(*GuestPath::parse("/"))).has_value()); }
};

TEST_F(DialTest, BytesGoBothWaysAndEachWayEndsByItself) {
  const Server server(AF_INET, 1, echo);
  std::string answer;
  const auto done = await(exchange(*session_, server.port(), "hello", answer));
  EXPECT_TRUE(done.has_value()) << done.error().message();
  EXPECT_EQ(answer, "hello");
}

TEST_F(DialTest, IPv6IsTriedWhereNobodyListensOnIPv4) {
  const Fd probe(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  if (::bind(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    GTEST_SKIP() << "this machine has no IPv6 on its loopback";
  const Server server(AF_INET6, 1, echo);
  std::string answer;
  const auto done = await(exchange(*session_, server.port(), "six", answer));
  EXPECT_TRUE(done.has_value()) << done.error().message();
  EXPECT_EQ(answer, "six");
}

TEST_F(DialTest, ConnectionsLeaveRoomForCommands) {
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener.get(), 2 * kDialsMax), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  std::vector<std::unique_ptr<Connection>> open;
  for (std::uint32_t i = 0; i < kDialsMax; ++i) open.push_back(dial(ntohs(address.sin_port)));
  EXPECT_EQ(await(session_->dial(ntohs(address.sin_port))).error().code(), Code::kExhausted);
  Collected output;
  EXPECT_EQ(shell("echo still here", output).value, 0);
  open.pop_back();
  settle();
  EXPECT_NE(dial(ntohs(address.sin_port)), nullptr);
}

TEST_F(DialTest, WhereNobodyListensIsSaid) {
  const Fd bound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));  // bound, so that nobody else listens there
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(bound.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
  ASSERT_EQ(::getsockname(bound.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  const auto refused = await(session_->dial(ntohs(address.sin_port)));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().os_error(), ECONNREFUSED) << refused.error().message();
  EXPECT_EQ(await(session_->dial(0)).error().code(), Code::kInvalidArgument);
  EXPECT_TRUE(await(session_->stat(*GuestPath::parse("/"))).has_value()) << "the session goes on";
}

TEST_F(DialTest, MegabytesGoBothWays) {
  const Server server(AF_INET, 1, echo);
  std::string big(5'000'000, 'x');
  for (std::size_t i = 0; i < big.size(); i += 1000) big[i] = static_cast<char>('a' + i / 1000 % 26);
  std::string answer;
  EXPECT_TRUE(await(exchange(*session_, server.port(), big, answer)).has_value());
  EXPECT_TRUE(answer == big);
}

TEST_F(DialTest, ManyAtOnce) {
  const Server server(AF_INET, 100, echo);
  std::vector<std::string> answers(100);
  TaskGroup tasks(io_.get_executor(), [](const Error& error) { ADD_FAILURE() << error.message(); });
  for (std::size_t i = 0; i < answers.size(); ++i)
    tasks.spawn(exchange(*session_, server.port(), "number " + std::to_string(i), answers[i]));
  io_.restart();
  while (tasks.size() > 0 && io_.run_one_for(std::chrono::seconds(20)) > 0) {
  }
  for (std::size_t i = 0; i < answers.size(); ++i) EXPECT_EQ(answers[i], "number " + std::to_string(i));
}

TEST_F(DialTest, WhoDoesNotReadStallsOnlyTheirOwnConnection) {
  const Server flood(AF_INET, 1, [](int fd) {
    const std::string block(100'000, 'f');
    while (::send(fd, block.data(), block.size(), MSG_NOSIGNAL) > 0) {
    }
  });
  auto stalled = dial(flood.port());
  ASSERT_NE(stalled, nullptr);
  const Server server(AF_INET, 1, echo);
  std::string answer;
  EXPECT_TRUE(await(exchange(*session_, server.port(), "beside it", answer)).has_value());
  EXPECT_EQ(answer, "beside it");
  std::array<std::byte, 100> some;
  EXPECT_GT(await(stalled->read_some(some)).value_or(0), 0U);
  stalled.reset();
  settle();
}

TEST_F(DialTest, AServerThatAnswersWithoutReadingIsHeard) {
  const Server server(AF_INET, 1, [](int fd) {
    (void)!::send(fd, "too large", 9, MSG_NOSIGNAL);
    ::shutdown(fd, SHUT_WR);
    std::string drop(1 << 16, '\0');
    while (::recv(fd, drop.data(), drop.size(), 0) > 0) {
    }
  });
  const auto connection = dial(server.port());
  ASSERT_NE(connection, nullptr);
  EXPECT_EQ(await(read_all(*connection)).value_or("nothing"), "too large");
  const std::string much(1'000'000, 'u');
  EXPECT_TRUE(await(connection->write_all(bytes_of(much))).has_value()) << "its own direction is open";
  EXPECT_TRUE(connection->shutdown_write().has_value());
  settle();
}

TEST_F(DialTest, AResetIsAnError) {
  const Server server(AF_INET, 1, [](int fd) {
    char byte = 0;
    (void)!::recv(fd, &byte, 1, 0);
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  });
  const auto connection = dial(server.port());
  ASSERT_NE(connection, nullptr);
  EXPECT_TRUE(await(connection->write_all(bytes_of("go"))).has_value());
  const auto all = await(read_all(*connection));
  ASSERT_FALSE(all.has_value());
  EXPECT_EQ(all.error().os_error(), ECONNRESET) << all.error().message();
  EXPECT_FALSE(await(connection->write_all(bytes_of("more"))).has_value());
}

TEST_F(DialTest, ClosingEndsWhatWaitsAndTheServerHearsOfIt) {
  std::promise<bool> heard;
  const Server server(AF_INET, 1, [&](int fd) {
    char byte = 0;
    heard.set_value(::recv(fd, &byte, 1, 0) <= 0);
  });
  auto connection = dial(server.port());
  ASSERT_NE(connection, nullptr);
  std::array<std::byte, 10> some;
  auto reading = connection->read_some(some);
  connection.reset();
  EXPECT_EQ(await(std::move(reading)).error().code(), Code::kCancelled);
  settle();
  // Before the server goes: until its thread has taken the connection, that would be what ends it.
  auto has_heard = heard.get_future();
  ASSERT_EQ(has_heard.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  EXPECT_TRUE(has_heard.get());
}

TEST_F(DialTest, TheEndOfTheAgentIsHeard) {
  const Server server(AF_INET, 1, echo);
  const auto connection = dial(server.port());
  ASSERT_NE(connection, nullptr);
  session_->stop();
  EXPECT_EQ(await(read_all(*connection)).error().code(), Code::kUnavailable);
}

TEST_F(DialTest, ListeningPortsAreFound) {
  std::uint16_t four = 0;
  {
    const Server server(AF_INET, 0, echo);
    four = server.port();
    const auto ports = await(session_->listening_ports());
    ASSERT_TRUE(ports.has_value()) << ports.error().message();
    EXPECT_THAT(*ports, ::testing::Contains(four));
    EXPECT_TRUE(std::ranges::is_sorted(*ports));
  }
  EXPECT_THAT(await(session_->listening_ports()).value_or(std::vector<std::uint16_t>{four}),
              ::testing::Not(::testing::Contains(four)));
}

}  // namespace
}  // namespace brig::guest
