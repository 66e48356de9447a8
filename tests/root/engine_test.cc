// The walls docker and podman against engines of the test's own: the conformance suite, and what is their own.
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <filesystem>
#include <map>
#include <sstream>

#include "engines.h"
#include "runtime/testing/conformance.h"
#include "runtimes/engine/engine_runtime.h"

namespace brig::runtime::testing {
namespace {

using runtimes::engine::Kind;
using runtimes::engine::OwnEngine;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kInit = std::string(BRIG_BIN_DIR) + "/brig-init";

/// One of each kind for all tests, or why there is none.
Result<std::unique_ptr<OwnEngine>>& engine_of(Kind kind) {
  static std::map<Kind, Result<std::unique_ptr<OwnEngine>>> engines;
  auto found = engines.find(kind);
  if (found == engines.end()) {
    auto started = ::geteuid() == 0 ? OwnEngine::start(kind)
                                    : Result<std::unique_ptr<OwnEngine>>(Error(Code::kDenied, "needs root"));
    found = engines.emplace(kind, std::move(started)).first;
  }
  return found->second;
}

std::unique_ptr<Runtime> wall_of(Kind kind) {
  auto& engine = engine_of(kind);
  const std::string nowhere = "/nowhere/" + (engine ? "" : engine.error().message());
  return make_engine_runtime(engine ? (*engine)->place() : runtimes::engine::Place{.kind = kind, .socket = nowhere},
                             kInit);
}

WallUnderTest under_test(Kind kind) {
  return {std::string(name_of(kind)), [kind](const asio::any_io_executor& /*executor*/) { return wall_of(kind); }};
}

INSTANTIATE_TEST_SUITE_P(Docker, Conformance, ::testing::Values(under_test(Kind::kDocker)), wall_name);
INSTANTIATE_TEST_SUITE_P(Podman, Conformance, ::testing::Values(under_test(Kind::kPodman)), wall_name);

using runtimes::engine::running_with;

/// What is an engine's own.
class EngineWall : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    if (IsSkipped()) return;
    kind_ = GetParam().name == "docker" ? Kind::kDocker : Kind::kPodman;
    expect_none_left(*engine());
  }
  [[nodiscard]] std::unique_ptr<OwnEngine>& engine() const { return *engine_of(kind_); }

  static bool has_scratch() {
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator("/run/brig", none)) {
      if (entry.path().filename().string().starts_with("engine-")) return true;
    }
    return false;
  }
  static void expect_none_left(const OwnEngine& engine, std::size_t count = 0) {
    for (int i = 0; i < 1000 && engine.containers().size() != count; ++i) ::usleep(20'000);
    EXPECT_EQ(engine.containers().size(), count);
    EXPECT_FALSE(has_scratch());
  }
  /// Children of this process with that name.
  static std::vector<pid_t> children(const std::string& name) {
    std::vector<pid_t> found;
    const std::string own = std::to_string(::getpid());
    std::istringstream list(*sys::read_file("/proc/self/task/" + own + "/children", 4096));
    for (pid_t pid = 0; list >> pid;) {
      if (sys::read_file("/proc/" + std::to_string(pid) + "/comm", 64).value_or("") == name + "\n")
        found.push_back(pid);
    }
    return found;
  }
  Kind kind_ = Kind::kDocker;
};

INSTANTIATE_TEST_SUITE_P(Docker, EngineWall, ::testing::Values(under_test(Kind::kDocker)), wall_name);
INSTANTIATE_TEST_SUITE_P(Podman, EngineWall, ::testing::Values(under_test(Kind::kPodman)), wall_name);

TEST_P(EngineWall, AttestsWhatTheKernelSays) {
  policy::Policy policy;
  policy.limits.memory = mebibytes(96);
  policy.limits.pids = 17;
  policy.limits.cpu_millis = 500;
  const auto cell = create(policy);
  ASSERT_NE(cell, nullptr);
  const Attestation& a = cell->attestation();
  EXPECT_EQ(a.boundary, policy::Boundary::kSharedKernel);
  EXPECT_THAT(a.namespaces, ::testing::IsSupersetOf({"ipc", "mnt", "net", "pid", "uts"}));
  EXPECT_TRUE(a.no_new_privs);
  EXPECT_GE(a.seccomp.filters, 1U);
  EXPECT_TRUE(a.rootfs.is_read_only);
  EXPECT_EQ(a.network, "none");
  EXPECT_EQ(a.cgroup.memory_bytes, mebibytes(96).count);
  EXPECT_EQ(a.cgroup.pids, 18U);  // and the agent
  EXPECT_EQ(a.cgroup.cpu_millis, 500U);
  EXPECT_THAT(a.weaknesses, Contains(HasSubstr("runs as root, and is believed")));
  EXPECT_THAT(a.weaknesses, Contains(HasSubstr("not in a user namespace")));
}

TEST_P(EngineWall, AcceptsNobodyWhoAcceptsNoWeakness) {
  policy::Policy policy;
  policy.on_weakness = policy::OnWeakness::kRefuse;
  const auto refused = runtime_->admit(policy);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::kUnsupported);
}

TEST_P(EngineWall, CountsWhatWasRefusedAndKilled) {
  policy::Policy policy;
  policy.limits.memory = mebibytes(64);
  policy.limits.pids = 8;
  const auto cell = create(policy);
  ASSERT_NE(cell, nullptr);
  Printed printed;
  const auto end = shell(*cell,
                         "(for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1 & done) 2>/dev/null; sleep 2; "
                         "head -c 200M /dev/zero | tail -c 190M > /dev/null; echo went on",
                         printed);
  ASSERT_TRUE(end.has_value()) << end.error().message();
  EXPECT_EQ(printed.out, "went on\n");
  const auto report = await(cell->destroy());
  ASSERT_TRUE(report.has_value()) << report.error().message();
  EXPECT_GE(report->memory_kills, 1U);
  EXPECT_GE(report->pids_refusals, 1U);
  EXPECT_GT(report->usage.peak_memory.count, mebibytes(32).count);
}

TEST_P(EngineWall, OneLimitHoldsForAllThatCanBeWritten) {
  policy::Policy policy;
  policy.limits.disk = mebibytes(10);
  const auto cell = create(policy);
  ASSERT_NE(cell, nullptr);
  Printed printed;
  ASSERT_TRUE(shell(*cell,
                    "head -c 6M /dev/zero > /tmp/a && echo one; head -c 6M /dev/zero > /workspace/a && echo two; "
                    "ls /var/tmp; touch /etc/x /usr/x /run/x /x 2>/dev/null && echo written; ls /sys | wc -l",
                    printed)
                  .has_value());
  EXPECT_EQ(printed.out, "one\na\n0\n");
}

TEST_P(EngineWall, NothingIsLeftOfADroppedCell) {
  auto cell = create();
  ASSERT_NE(cell, nullptr);
  EXPECT_FALSE(has_scratch());
  EXPECT_EQ(engine()->containers().size(), 1U);
  cell.reset();
  expect_none_left(*engine());
}

TEST_P(EngineWall, WhoeverKillsTheKeeperEndsTheSandbox) {
  const auto cell = create();
  ASSERT_NE(cell, nullptr);
  const auto keepers = children("brig-keeper");
  ASSERT_EQ(keepers.size(), 1U);
  ::kill(keepers.front(), SIGKILL);
  expect_end_of(cell->take_channel());
  expect_none_left(*engine());
  const auto report = await(cell->destroy());
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code(), Code::kUnavailable);
}

TEST_P(EngineWall, TheSandboxOfAKilledOwnerEnds) {
  const pid_t owner = ::fork();
  if (owner == 0) {
    asio::io_context io(1);
    const auto wall = wall_of(kind_);
    const auto cell = run(io, wall->create({.id = "orphan", .policy = {}, .lifetime = std::chrono::minutes(5)}));
    ::kill(::getpid(), cell ? SIGKILL : SIGTERM);
  }
  int status = 0;
  ::waitpid(owner, &status, 0);
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  expect_none_left(*engine());
}

TEST_P(EngineWall, WhatNobodyCouldEndIsFoundByTheNext) {
  auto frozen = create();
  ASSERT_NE(frozen, nullptr);
  ASSERT_TRUE(await(frozen->pause()).has_value());
  const auto keepers = children("brig-keeper");
  ASSERT_EQ(keepers.size(), 1U);
  ::kill(keepers.front(), SIGKILL);
  frozen.reset();
  const auto before = engine()->containers();
  ASSERT_EQ(before.size(), 1U);
  const auto next = create();
  ASSERT_NE(next, nullptr);
  expect_none_left(*engine(), 1);
  EXPECT_NE(engine()->containers().at(0).id, before.at(0).id);
}

TEST_P(EngineWall, AnEngineThatVanishesInTheMiddleIsNamedAndNothingRunsOn) {
  auto other = OwnEngine::start(kind_);
  ASSERT_TRUE(other.has_value()) << other.error().message();
  const auto wall = make_engine_runtime((*other)->place(), kInit);
  const auto cell = await(wall->create({.id = "vanish", .policy = {}, .lifetime = std::chrono::minutes(5)}));
  ASSERT_TRUE(cell.has_value()) << cell.error().message();
  const auto session = guest::Session::connect(io_.get_executor(), (*cell)->take_channel());
  ASSERT_TRUE(session.has_value());
  Printed printed;
  guest::ExecRequest request{.argv = {"sleep", "1234567"}, .env = {"PATH=/usr/bin:/bin"}};
  const auto process = await((*session)->exec(std::move(request), printed));
  ASSERT_TRUE(process.has_value()) << process.error().message();
  ASSERT_TRUE((*other)->process().kill(SIGKILL).has_value());
  ASSERT_TRUE((*other)->process().wait().has_value());
  EXPECT_FALSE(await((*process)->wait()).has_value()) << "the command is said to have ended by itself";
  const auto report = await((*cell)->destroy());
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code(), Code::kUnavailable);
  // Whichever comes first: the keeper misses the engine, or is asked to end what it then cannot.
  EXPECT_THAT(report.error().message(), AnyOf(HasSubstr("the sandbox was lost"), HasSubstr("remove the sandbox")));
  EXPECT_THAT(report.error().message(), HasSubstr((*other)->place().socket));
  EXPECT_EQ(running_with(std::string("sleep\0"
                                     "1234567",
                                     13))
                .size(),
            0U)
      << "the guest's command runs on";
}

/// An engine that says `answer` to everybody, in a process of its own.
class Nonsense {
 public:
  explicit Nonsense(const std::string& answer) : path_("/tmp/brig-nonsense-" + std::to_string(::getpid())) {
    (void)::unlink(path_.c_str());
    const Fd listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listening.get(), 8), 0);
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::signal(SIGPIPE, SIG_IGN);
    while (true) {
      const Fd one(::accept(listening.get(), nullptr, nullptr));
      std::array<char, 4096> request{};
      (void)!::read(one.get(), request.data(), request.size());
      (void)sys::write_all(one.ref(), answer);
    }
  }
  Nonsense(const Nonsense&) = delete;
  Nonsense& operator=(const Nonsense&) = delete;
  ~Nonsense() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    (void)::unlink(path_.c_str());
  }
  [[nodiscard]] runtimes::engine::Place place() const { return {.kind = Kind::kDocker, .socket = path_}; }

 private:
  std::string path_;
  pid_t pid_ = -1;
};

TEST(NoEngine, NonsenseIsAnErrorAndNoCrash) {
  const auto reply = [](const std::string& body) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  };
  for (const std::string& answer : {std::string(), std::string("SSH-2.0-OpenSSH_9.2\r\n"), reply("hello"), reply("[]"),
                                    reply(R"({"Version":7})"), reply(std::string(std::size_t{2} << 20, 'x')),
                                    std::string("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"), reply("{}")}) {
    const Nonsense engine(answer);
    const auto wall = make_engine_runtime(engine.place(), kInit);
    const Probe probe = wall->probe();
    EXPECT_FALSE(probe.is_available) << answer.substr(0, 100);
    const auto admitted = wall->admit({});
    ASSERT_FALSE(admitted.has_value());
    EXPECT_NE(admitted.error().message(), "");
  }
}

TEST(NoEngine, IsSaidWithTheWayToGetOne) {
  for (const Kind kind : {Kind::kDocker, Kind::kPodman}) {
    const auto wall = make_engine_runtime(runtimes::engine::Place{.kind = kind, .socket = "/nowhere/at/all"}, kInit);
    const Probe probe = wall->probe();
    EXPECT_FALSE(probe.is_available);
    ASSERT_EQ(probe.findings.size(), 1U);
    EXPECT_THAT(probe.findings.front().why, HasSubstr("/nowhere/at/all"));
    EXPECT_THAT(probe.findings.front().mend, HasSubstr("apt-get install " + std::string(name_of(kind))));
    const auto admitted = wall->admit({});
    ASSERT_FALSE(admitted.has_value());
    EXPECT_EQ(admitted.error().code(), Code::kUnavailable);
    EXPECT_THAT(admitted.error().message(), HasSubstr("apt-get install " + std::string(name_of(kind))));
  }
}

TEST(NoEngine, WhoMayNotUseItIsToldWhatToDo) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: becomes somebody else";
  const Nonsense engine("");
  ASSERT_EQ(::chmod(engine.place().socket.c_str(), 0600), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0) ::_exit(2);
    const auto admitted = make_engine_runtime(engine.place(), kInit)->admit({});
    const bool is_said = !admitted && admitted.error().code() == Code::kDenied &&
                         admitted.error().message().find("join the group of") != std::string::npos;
    ::_exit(is_said ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace brig::runtime::testing
