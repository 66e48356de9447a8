#include "http/listen.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace brig::http {
namespace {

using ::testing::HasSubstr;

TEST(Endpoint, IsParsedAndPrinted) {
  for (const char* text : {"127.0.0.1:2744", "[::1]:0", "localhost:80", ":2744", "unix:/run/brig.sock", "unix:x"}) {
    const auto endpoint = parse_endpoint(text);
    ASSERT_TRUE(endpoint.has_value()) << text;
    EXPECT_EQ(format(*endpoint), text);
  }
  for (const char* text : {"", "2744", "localhost", "localhost:", "localhost:http", "localhost:65536", "localhost:-1",
                           "::1:80", "unix:"}) {
    const auto endpoint = parse_endpoint(text);
    ASSERT_FALSE(endpoint.has_value()) << text;
    EXPECT_EQ(endpoint.error().code(), Code::kInvalidArgument);
  }
  EXPECT_FALSE(parse_endpoint("unix:" + std::string(108, 'p')).has_value());
}

TEST(Endpoint, KnowsWhatOnlyThisMachineReaches) {
  for (const char* text : {"127.0.0.1:1", "127.8.0.1:1", "[::1]:1", "localhost:1", "unix:/x"}) {
    EXPECT_TRUE(parse_endpoint(text)->is_local()) << text;
  }
  for (const char* text : {"0.0.0.0:1", "[::]:1", ":1", "10.0.0.1:1", "127.evil.example:1"}) {
    EXPECT_FALSE(parse_endpoint(text)->is_local()) << text;
  }
}

TEST(ListenOn, SaysWhyNot) {
  const auto first = listen_on(*parse_endpoint("127.0.0.1:0"));
  ASSERT_TRUE(first.has_value());
  const auto second = listen_on(*endpoint_of(first->ref()));
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), Code::kUnavailable);
  EXPECT_THAT(second.error().message(), HasSubstr("somebody else listens there"));
  EXPECT_EQ(listen_on(*parse_endpoint("example.org:80")).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(listen_on(*parse_endpoint("unix:/nowhere/x")).error().code(), Code::kNotFound);
}

class UnixSocket : public ::testing::Test {
 protected:
  UnixSocket() : path_(::testing::TempDir() + "brig_listen_" + std::to_string(::getpid())) { ::unlink(path_.c_str()); }
  ~UnixSocket() override { ::unlink(path_.c_str()); }
  Result<Fd> listen() { return listen_on(*parse_endpoint("unix:" + path_)); }
  std::string path_;
};

TEST_F(UnixSocket, IsTheOwnersAloneAndCloseOnExec) {
  const auto socket = listen();
  ASSERT_TRUE(socket.has_value()) << socket.error().message();
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
  EXPECT_NE(::fcntl(socket->get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(UnixSocket, IsReplacedOnlyWhenNobodyAnswers) {
  {
    const auto first = listen();
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(listen().error().code(), Code::kUnavailable);
  }
  EXPECT_TRUE(listen().has_value());  // the file is still there, but nobody behind it
}

TEST_F(UnixSocket, NeverReplacesAFile) {
  std::ofstream(path_) << "precious";
  EXPECT_EQ(listen().error().code(), Code::kInvalidArgument);
  EXPECT_EQ(::access(path_.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace brig::http
