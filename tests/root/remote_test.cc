// The remote wall against a real daemon on loopback: the conformance suite, and what is its own.
#include <filesystem>

#include <boost/json/value.hpp>

#include "../../apps/brig-client/own_daemon.h"
#include "json/json.h"
#include "runtime/testing/conformance.h"
#include "runtimes/remote/remote_runtime.h"
#include "runtimes/remote/server.h"
#include "sys/file.h"

namespace brig::runtime::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

/// Asks as the daemon's owner.
std::string ask(const client::OwnDaemon& daemon, const std::string& method, const std::string& target,
                const std::string& body = {}) {
  asio::io_context io(1);
  runtimes::remote::Server server(io.get_executor(), *runtimes::remote::find_destination(daemon.owner_url(), {}));
  const auto answer = run(io, server.ask(method, target, body));
  EXPECT_TRUE(answer.has_value()) << answer.error().message();
  return answer.value_or("{}");
}

/// The other Brig, one for all tests: with a key of its own.
struct Other {
  std::unique_ptr<client::OwnDaemon> daemon;
  std::string key;

  static Result<Other> start() {
    Other other;
    other.daemon = TRY(client::OwnDaemon::start("remote", {}, BRIG_BIN_DIR));
    const auto made = TRY(json::parse(ask(*other.daemon, "POST", "/v1/keys", R"({"label":"remote"})")));
    other.key = std::string(made.at("key").as_string());
    return other;
  }
  [[nodiscard]] std::unique_ptr<Runtime> wall(bool is_trusted = false) const {
    auto made = runtimes::remote::make_remote_runtime({.url = daemon->url(), .key = key, .is_trusted = is_trusted});
    EXPECT_TRUE(made.has_value()) << made.error().message();
    return *std::move(made);
  }
  /// Sandboxes of the key that live, as the daemon says it.
  [[nodiscard]] std::size_t living() const {
    asio::io_context io(1);
    runtimes::remote::Server server(io.get_executor(), *runtimes::remote::find_destination(daemon->url(), key));
    const auto answer = run(io, server.ask("GET", "/v1/sandboxes"));
    EXPECT_TRUE(answer.has_value()) << answer.error().message();
    return json::parse(*answer)->at("items").as_array().size();
  }
};

std::unique_ptr<Other> the_other;

class OtherBrig : public ::testing::Environment {
 public:
  void SetUp() override {
    if (::geteuid() != 0) return;
    auto started = Other::start();
    ASSERT_TRUE(started.has_value()) << started.error().message();
    the_other = std::make_unique<Other>(*std::move(started));
  }
  void TearDown() override { the_other.reset(); }
};
[[maybe_unused]] const auto* const environment = ::testing::AddGlobalTestEnvironment(new OtherBrig);

std::unique_ptr<Runtime> make_remote(const asio::any_io_executor& /*executor*/) { return the_other->wall(); }

INSTANTIATE_TEST_SUITE_P(Remote, Conformance, ::testing::Values(WallUnderTest{"remote", make_remote}), wall_name);

class RemoteWall : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: makes sandboxes as the installed program does";
    expect_none_left(*the_other);  // of what the test before let go
  }
  template <class T>
  Result<T> await(Task<T> task) {
    return run(io_, with_timeout(std::chrono::seconds(20), std::move(task), "the test"));
  }
  std::unique_ptr<Cell> create(Runtime& wall) {
    auto cell = await(wall.create({.id = "remote", .policy = {}, .lifetime = std::chrono::minutes(5)}));
    EXPECT_TRUE(cell.has_value()) << cell.error().message();
    return cell ? *std::move(cell) : nullptr;
  }
  static void expect_none_left(const Other& other) {
    for (int i = 0; i < 1000 && other.living() > 0; ++i) ::usleep(20'000);
    EXPECT_EQ(other.living(), 0U);
  }
  asio::io_context io_;
};

TEST_F(RemoteWall, SaysWhoseWordItIs) {
  const auto wall = the_other->wall();
  const auto cell = create(*wall);
  ASSERT_NE(cell, nullptr);
  const Attestation& a = cell->attestation();
  ASSERT_TRUE(a.remote.has_value());
  EXPECT_EQ(a.remote->host, the_other->daemon->url().substr(7));
  EXPECT_EQ(a.remote->runtime, "process");
  EXPECT_EQ(a.boundary, policy::Boundary::kSharedKernel);
  EXPECT_THAT(a.weaknesses, Contains(HasSubstr("not seen by this machine")));
}

TEST_F(RemoteWall, RefusesAFloorThatOnlyAStrangersWordWouldMeet) {
  policy::Policy policy;
  policy.require = policy::Boundary::kUserSpaceKernel;
  const auto refused = the_other->wall()->admit(policy);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::kUnsupported);
  EXPECT_THAT(refused.error().message(), HasSubstr("--remote-trusted"));
  // Who trusts it hears whether it has such a wall.
  policy.require = policy::Boundary::kHardware;
  const auto asked = the_other->wall(true)->admit(policy);
  ASSERT_FALSE(asked.has_value());
  EXPECT_EQ(asked.error().code(), Code::kUnsupported);
  EXPECT_THAT(asked.error().message(), HasSubstr("says:"));
}

TEST_F(RemoteWall, BelievesABoundaryOnlyOfWhomItTrusts) {
  policy::Policy policy;
  policy.require = policy::Boundary::kUserSpaceKernel;
  const auto wall = the_other->wall(true);
  if (!wall->admit(policy).has_value()) GTEST_SKIP() << "no wall here is stronger than the weakest (apt install runsc)";
  const auto strong = await(wall->create({.id = "strong", .policy = policy, .lifetime = std::chrono::minutes(1)}));
  ASSERT_TRUE(strong.has_value()) << strong.error().message();
  EXPECT_EQ((*strong)->attestation().boundary, policy::Boundary::kUserSpaceKernel);
  EXPECT_EQ((*strong)->attestation().remote->boundary, "user-space-kernel");
  // Somebody else's key may have such a floor without being asked for it: the word is heard, and does not count.
  const auto made = json::parse(ask(*the_other->daemon, "POST", "/v1/keys", R"({"require":"user-space-kernel"})"));
  ASSERT_TRUE(made.has_value());
  const auto stranger = runtimes::remote::make_remote_runtime(
      {.url = the_other->daemon->url(), .key = std::string(made->at("key").as_string())});
  const auto cell = create(**stranger);
  ASSERT_NE(cell, nullptr);
  EXPECT_EQ(cell->attestation().remote->boundary, "user-space-kernel");
  EXPECT_EQ(cell->attestation().boundary, policy::Boundary::kSharedKernel);
}

TEST_F(RemoteWall, RefusesWhoAcceptsNoWeakness) {
  policy::Policy policy;
  policy.on_weakness = policy::OnWeakness::kRefuse;
  const auto refused = the_other->wall(true)->admit(policy);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::kUnsupported);
}

TEST_F(RemoteWall, TheOtherSideEnforcesThePolicy) {
  const auto wall = the_other->wall();
  policy::Policy policy;
  policy.limits.memory = mebibytes(96);
  policy.limits.pids = 17;
  policy.limits.cpu_millis = 500;
  const auto cell = await(wall->create({.id = "limits", .policy = policy, .lifetime = std::chrono::minutes(1)}));
  ASSERT_TRUE(cell.has_value()) << cell.error().message();
  const auto& cgroup = (*cell)->attestation().cgroup;
  EXPECT_EQ(cgroup.memory_bytes, mebibytes(96).count);
  EXPECT_EQ(cgroup.pids, 18U);  // and the agent
  EXPECT_EQ(cgroup.cpu_millis, 500U);
}

TEST_F(RemoteWall, AWrongKeyIsSaidAndNothingIsMade) {
  const auto wall = runtimes::remote::make_remote_runtime({.url = the_other->daemon->url(), .key = "brig_nonsense"});
  ASSERT_TRUE(wall.has_value());
  EXPECT_FALSE((*wall)->probe().is_available);
  const auto cell = await((*wall)->create({.id = "x", .policy = {}, .lifetime = std::chrono::minutes(1)}));
  ASSERT_FALSE(cell.has_value());
  EXPECT_EQ(cell.error().code(), Code::kDenied);
}

TEST_F(RemoteWall, NothingLivesThereOnceTheCellIsGone) {
  const auto wall = the_other->wall();
  auto cell = create(*wall);
  ASSERT_NE(cell, nullptr);
  EXPECT_EQ(the_other->living(), 1U);
  cell.reset();
  expect_none_left(*the_other);
}

TEST_F(RemoteWall, WhoeverKillsTheRelayEndsTheSandbox) {
  const auto wall = the_other->wall();
  const auto cell = create(*wall);
  ASSERT_NE(cell, nullptr);
  int killed = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task/" + std::to_string(::getpid()))) {
    if (entry.path().filename() != "children") continue;
    std::istringstream children(*sys::read_file(entry.path(), 4096));
    for (pid_t pid = 0; children >> pid;) {
      if (*sys::read_file("/proc/" + std::to_string(pid) + "/comm", 64) != "brig-relay\n") continue;
      ::kill(pid, SIGKILL);
      ++killed;
    }
  }
  ASSERT_EQ(killed, 1);
  expect_end_of(cell->take_channel());
  expect_none_left(*the_other);
  const auto report = await(cell->destroy());
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code(), Code::kUnavailable);
  EXPECT_THAT(report.error().message(), HasSubstr("whoever had its channel is gone"));
}

TEST_F(RemoteWall, ADaemonThatIsKilledIsNamed) {
  auto other = Other::start();
  ASSERT_TRUE(other.has_value()) << other.error().message();
  const auto wall = other->wall();
  const auto cell = create(*wall);
  ASSERT_NE(cell, nullptr);
  // Its children die with it.
  ASSERT_TRUE(other->daemon->keeper().kill(SIGKILL).has_value());
  expect_end_of(cell->take_channel());
  const auto report = await(cell->destroy());
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code(), Code::kUnavailable);
  EXPECT_THAT(report.error().message(), HasSubstr(other->daemon->url().substr(7)));
}

TEST_F(RemoteWall, NobodyElseTakesAChannel) {
  const auto wall = the_other->wall();
  const auto cell = create(*wall);
  ASSERT_NE(cell, nullptr);
  runtimes::remote::Server server(io_.get_executor(),
                                  *runtimes::remote::find_destination(the_other->daemon->url(), the_other->key));
  const auto list = await(server.ask("GET", "/v1/sandboxes"));
  const std::string id(json::parse(*list)->at("items").at(0).at("id").as_string());
  http::Client client(io_.get_executor(), server.destination().url);
  const auto second =
      await(client.websocket("/v1/sandboxes/" + id + "/channel", runtimes::remote::key_header(server.destination())));
  ASSERT_FALSE(second.has_value());
  EXPECT_THAT(second.error().message(), HasSubstr("taken already"));
  // Nor does the daemon speak to the agent.
  const auto exec = await(server.ask("POST", "/v1/sandboxes/" + id + "/exec", R"({"cmd":"true"})"));
  ASSERT_FALSE(exec.has_value());
  EXPECT_EQ(exec.error().code(), Code::kConflict);
  const auto file = await(server.ask("GET", "/v1/sandboxes/" + id + "/fs?path=/etc/passwd"));
  ASSERT_FALSE(file.has_value());
  EXPECT_EQ(file.error().code(), Code::kConflict);
}

TEST(RemoteUrl, AKeyDoesNotTravelInTheClear) {
  for (const char* url : {"http://192.0.2.1:2744", "http://big.example"}) {
    const auto made = runtimes::remote::make_remote_runtime({.url = url, .key = "k"});
    ASSERT_FALSE(made.has_value()) << url;
    EXPECT_EQ(made.error().code(), Code::kInvalidArgument);
  }
  EXPECT_FALSE(runtimes::remote::make_remote_runtime({.url = "ftp://x", .key = "k"}).has_value());
}

}  // namespace
}  // namespace brig::runtime::testing
