// The remote wall over a service that speaks the E2B API (tests/e2e/e2b.py, on loopback): the conformance suite, and
// what is its own.
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>

#include <filesystem>
#include <sstream>

#include <boost/json/value.hpp>

#include "json/json.h"
#include "runtime/testing/conformance.h"
#include "runtimes/remote/e2b_runtime.h"
#include "runtimes/remote/server.h"
#include "sys/file.h"
#include "sys/process.h"

namespace brig::runtime::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kKey = "e2b_0123456789abcdef0123456789abcdef01234567";
constexpr const char* kNeedsRoot = "needs root: the service makes namespaces";

/// The service, for all tests. It ends with its standard input.
class FakeService {
 public:
  static Result<std::unique_ptr<FakeService>> start() {
    int in[2];
    int out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) return Error::last_system("a pipe");
    const Fd their_in(in[0]);
    const Fd their_out(out[1]);
    auto service = std::make_unique<FakeService>();
    std::string folder = std::filesystem::temp_directory_path() / "brig-e2b-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) return Error::last_system("a folder");
    service->folder_ = folder;
    service->input_ = Fd(in[1]);
    const Fd answers(out[0]);
    const std::vector<std::string> words{"-B", BRIG_SOURCE_DIR "/tests/e2e/e2b.py"};
    const std::vector<std::string> environment{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR=" + folder};
    const std::vector<sys::Inherited> fds{{their_in.ref(), 0}, {their_out.ref(), 1}, {FdRef(STDERR_FILENO), 2}};
    service->process_ = TRY(sys::spawn("/usr/bin/python3", words, environment, fds));
    char byte = 0;
    while (::read(answers.get(), &byte, 1) == 1 && byte != '\n') service->url_ += byte;
    if (service->url_.empty()) return Error(Code::kUnavailable, "the service does not start");
    return service;
  }
  FakeService() = default;
  FakeService(const FakeService&) = delete;
  FakeService& operator=(const FakeService&) = delete;
  ~FakeService() {
    input_.reset();
    (void)process_.wait();
    if (!folder_.empty()) (void)sys::remove_tree(folder_);
  }

  [[nodiscard]] std::unique_ptr<Runtime> wall(const std::string& key = kKey) const {
    auto made = runtimes::remote::make_e2b_runtime(
        {.url = url_,
         .sandbox_url = url_,
         .key = key,
         .template_name = "base",
         .program = *sys::read_file(std::string(BRIG_BIN_DIR) + "/brig-init", std::size_t{8} << 20)});
    EXPECT_TRUE(made.has_value()) << made.error().message();
    return *std::move(made);
  }
  Result<std::string> ask(const std::string& method, const std::string& target) const {
    asio::io_context io(1);
    runtimes::remote::Server server(
        io.get_executor(), *runtimes::remote::find_destination(url_, kKey, runtimes::remote::KeyField::kApiKey));
    return run(io, server.ask(method, target));
  }
  [[nodiscard]] boost::json::array living() const { return json::parse(*ask("GET", "/v2/sandboxes"))->as_array(); }
  [[nodiscard]] const std::string& url() const { return url_; }
  sys::Child& process() { return process_; }

 private:
  sys::Child process_;
  Fd input_;
  std::string url_;
  std::string folder_;  ///< what a killed one left
};

std::unique_ptr<FakeService> the_service;

class Service : public ::testing::Environment {
 public:
  void SetUp() override {
    if (::geteuid() != 0) return;
    auto started = FakeService::start();
    ASSERT_TRUE(started.has_value()) << started.error().message();
    the_service = *std::move(started);
  }
  void TearDown() override { the_service.reset(); }
};
[[maybe_unused]] const auto* const environment = ::testing::AddGlobalTestEnvironment(new Service);

/// Says that it cannot be built where there is no service.
class NoWall final : public Runtime {
 public:
  [[nodiscard]] std::string_view name() const override { return "remote"; }
  [[nodiscard]] Capabilities capabilities() const override { return {}; }
  Probe probe() override {
    return {.is_available = false, .findings = {{Finding::State::kMissing, "root", kNeedsRoot, ""}}};
  }
  Result<std::vector<std::string>> admit(const policy::Policy& /*policy*/) override {
    return Error(Code::kUnsupported, kNeedsRoot);
  }
  Task<std::unique_ptr<Cell>> create(CellSpec /*spec*/) override { co_return Error(Code::kUnsupported, kNeedsRoot); }
};

std::unique_ptr<Runtime> make_e2b(const asio::any_io_executor& /*executor*/) {
  if (the_service == nullptr) return std::make_unique<NoWall>();
  return the_service->wall();
}

INSTANTIATE_TEST_SUITE_P(E2b, Conformance, ::testing::Values(WallUnderTest{"e2b", make_e2b}), wall_name);

/// Pids of our own children of that name.
std::vector<pid_t> children_named(const std::string& name) {
  std::vector<pid_t> found;
  const std::string self = std::to_string(::getpid());
  std::istringstream children(*sys::read_file("/proc/self/task/" + self + "/children", 4096));
  for (pid_t pid = 0; children >> pid;) {
    const auto comm = sys::read_file("/proc/" + std::to_string(pid) + "/comm", 64);
    if (comm && *comm == name + "\n") found.push_back(pid);
  }
  return found;
}

class E2bWall : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << kNeedsRoot;
    expect_none_left();  // of what the test before let go
  }
  template <class T>
  Result<T> await(Task<T> task) {
    return run(io_, with_timeout(std::chrono::seconds(20), std::move(task), "the test"));
  }
  std::unique_ptr<Cell> create(Runtime& wall, policy::Policy policy = {}) {
    auto cell = await(wall.create({.id = "e2b", .policy = std::move(policy), .lifetime = std::chrono::minutes(5)}));
    EXPECT_TRUE(cell.has_value()) << cell.error().message();
    return cell ? *std::move(cell) : nullptr;
  }
  static void expect_none_left() {
    for (int i = 0; i < 1000 && !the_service->living().empty(); ++i) ::usleep(20'000);
    EXPECT_TRUE(the_service->living().empty());
  }
  std::string shell(Cell& cell, const std::string& script) {
    Printed printed;
    const auto ended = await(run_shell(io_.get_executor(), cell.take_channel(), script, printed));
    EXPECT_TRUE(ended.has_value()) << ended.error().message();
    return printed.out;
  }
  asio::io_context io_;

 private:
  static Task<> run_shell(asio::any_io_executor executor, Fd channel, std::string script, Printed& printed) {
    CO_TRY(const auto session, guest::Session::connect(executor, std::move(channel)));
    guest::ExecRequest request{.argv = {"sh", "-c", std::move(script)}, .env = {"PATH=/usr/bin:/bin"}};
    CO_TRY(const auto process, co_await session->exec(std::move(request), printed));
    CO_TRY([[maybe_unused]] const guest::ProcessEnd end, co_await process->wait());
    CO_TRY([[maybe_unused]] const bool is_all, co_await process->drain(std::chrono::seconds(5)));
    co_return Result<>();
  }
};

TEST_F(E2bWall, SaysWhoseWordItIs) {
  const auto wall = the_service->wall();
  const auto cell = create(*wall);
  ASSERT_NE(cell, nullptr);
  const Attestation& a = cell->attestation();
  ASSERT_TRUE(a.remote.has_value());
  EXPECT_EQ(a.remote->host, the_service->url().substr(7));
  EXPECT_EQ(a.remote->runtime, "e2b");
  EXPECT_EQ(a.boundary, policy::Boundary::kSharedKernel);
  EXPECT_THAT(a.kernel, StartsWith("Linux "));
  EXPECT_THAT(a.weaknesses, Contains(HasSubstr("not seen by this machine")));
}

TEST_F(E2bWall, RefusesAFloorAndWhoAcceptsNoWeakness) {
  const auto wall = the_service->wall();
  policy::Policy policy;
  policy.require = policy::Boundary::kUserSpaceKernel;
  EXPECT_EQ(wall->admit(policy).error().code(), Code::kUnsupported);
  policy = {};
  policy.on_weakness = policy::OnWeakness::kRefuse;
  const auto refused = wall->admit(policy);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::kUnsupported);
  EXPECT_THAT(refused.error().message(), HasSubstr("network:"));
  EXPECT_FALSE(await(wall->create({.id = "x", .policy = policy, .lifetime = std::chrono::minutes(1)})).has_value());
  EXPECT_TRUE(the_service->living().empty());
}

TEST_F(E2bWall, TheAgentKeepsWhatItCan) {
  policy::Policy policy;
  policy.limits.open_files = 77;
  policy.limits.pids = 19;
  policy.limits.memory = mebibytes(96);
  policy.limits.disk = mebibytes(3);
  const auto wall = the_service->wall();
  const auto cell = create(*wall, policy);
  ASSERT_NE(cell, nullptr);
  const std::string said = shell(*cell, "cat /proc/self/limits /proc/self/status; touch /x /etc/x 2>&1");
  EXPECT_THAT(said, ::testing::ContainsRegex("Max open files +77 +77"));
  EXPECT_THAT(said, ::testing::ContainsRegex("Max processes +21 +21"));
  EXPECT_THAT(said, ::testing::ContainsRegex("Max data size +100663296 +100663296"));
  EXPECT_THAT(said, ::testing::ContainsRegex("Max file size +3145728 +3145728"));
  EXPECT_THAT(said, ::testing::ContainsRegex("Max core file size +0 +0"));
  EXPECT_THAT(said, HasSubstr("NoNewPrivs:\t1"));
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"})
    EXPECT_THAT(said, HasSubstr(std::string(set) + ":\t0000000000000000\n"));
  EXPECT_THAT(said, HasSubstr("/etc/x"));
}

TEST_F(E2bWall, MuchGoesThroughTheChannelBothWays) {
  const auto wall = the_service->wall();
  const auto cell = create(*wall);
  ASSERT_NE(cell, nullptr);
  const auto session = guest::Session::connect(io_.get_executor(), cell->take_channel());
  ASSERT_TRUE(session.has_value());
  std::string much(std::size_t{3} << 20, '\0');
  for (std::size_t i = 0; i < much.size(); ++i) much[i] = static_cast<char>(i * 31 + (i >> 9));
  const auto place = *GuestPath::parse("/workspace/much");
  ASSERT_TRUE(await((*session)->write_file(place, std::as_bytes(std::span(much)), {})).has_value());
  std::string back;
  const auto read =
      await((*session)->read_file(place, 0, much.size() + 1, [&back](std::span<const std::byte> bytes) -> Result<> {
        back.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return {};
      }));
  ASSERT_TRUE(read.has_value()) << read.error().message();
  EXPECT_EQ(back, much);
}

TEST_F(E2bWall, AWrongKeyIsSaidAndNothingIsMade) {
  const auto wall = the_service->wall("e2b_00");
  EXPECT_FALSE(wall->probe().is_available);
  const auto cell = await(wall->create({.id = "x", .policy = {}, .lifetime = std::chrono::minutes(1)}));
  ASSERT_FALSE(cell.has_value());
  EXPECT_EQ(cell.error().code(), Code::kDenied);
}

TEST_F(E2bWall, NothingLivesThereOnceTheCellIsGone) {
  const auto wall = the_service->wall();
  auto cell = create(*wall);
  ASSERT_NE(cell, nullptr);
  EXPECT_EQ(the_service->living().size(), 1U);
  cell.reset();
  expect_none_left();
  EXPECT_TRUE(children_named("brig-lease").empty());
}

TEST_F(E2bWall, WhoeverGivesUpBeforeItIsThereLeavesNothing) {
  const auto wall = the_service->wall();
  {
    const auto never = wall->create({.id = "x", .policy = {}, .lifetime = std::chrono::minutes(1)});
  }
  expect_none_left();
}

TEST_F(E2bWall, WhoeverKillsTheRelayEndsTheSandbox) {
  const auto wall = the_service->wall();
  const auto cell = create(*wall);
  ASSERT_NE(cell, nullptr);
  const auto relays = children_named("brig-relay");
  ASSERT_EQ(relays.size(), 1U);
  ::kill(relays.front(), SIGKILL);
  expect_end_of(cell->take_channel());
  expect_none_left();
  const auto report = await(cell->destroy());
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code(), Code::kUnavailable);
  EXPECT_THAT(report.error().message(), HasSubstr("was killed"));
}

TEST_F(E2bWall, WhoeverKillsTheLeaseIsNamed) {
  const auto wall = the_service->wall();
  const auto cell = create(*wall);
  ASSERT_NE(cell, nullptr);
  const auto leases = children_named("brig-lease");
  ASSERT_EQ(leases.size(), 1U);
  ::kill(leases.front(), SIGKILL);
  const auto report = await(cell->destroy());
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code(), Code::kUnavailable);
  EXPECT_THAT(report.error().message(), HasSubstr("within a minute"));
  const auto left = the_service->living();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_TRUE(the_service->ask("DELETE", "/sandboxes/" + std::string(left[0].at("sandboxID").as_string())).has_value());
}

TEST_F(E2bWall, ASandboxThatSomebodyElseEndsIsSaidSo) {
  const auto wall = the_service->wall();
  const auto cell = create(*wall);
  ASSERT_NE(cell, nullptr);
  const auto living = the_service->living();
  ASSERT_EQ(living.size(), 1U);
  ASSERT_TRUE(
      the_service->ask("DELETE", "/sandboxes/" + std::string(living[0].at("sandboxID").as_string())).has_value());
  expect_end_of(cell->take_channel());
  const auto report = await(cell->destroy());
  ASSERT_FALSE(report.has_value());
  EXPECT_THAT(report.error().message(), HasSubstr("ended the sandbox"));
}

TEST_F(E2bWall, AServiceThatVanishesIsNamed) {
  auto service = FakeService::start();
  ASSERT_TRUE(service.has_value()) << service.error().message();
  const auto wall = (*service)->wall();
  const auto cell = create(*wall);
  ASSERT_NE(cell, nullptr);
  ASSERT_TRUE((*service)->process().kill(SIGKILL).has_value());
  expect_end_of(cell->take_channel());
  const auto report = await(cell->destroy());
  ASSERT_FALSE(report.has_value());
  EXPECT_EQ(report.error().code(), Code::kUnavailable);
  EXPECT_THAT(report.error().message(), HasSubstr((*service)->url().substr(7)));
}

TEST(E2bUrl, AKeyDoesNotTravelInTheClear) {
  for (const char* url : {"http://192.0.2.1:2744", "http://api.example", "ftp://x"})
    EXPECT_FALSE(runtimes::remote::make_e2b_runtime({.url = url, .key = "k"}).has_value()) << url;
  // Nor does what runs, or the token for it.
  EXPECT_FALSE(
      runtimes::remote::make_e2b_runtime({.url = "http://127.0.0.1:1", .sandbox_url = "http://192.0.2.1:1", .key = "k"})
          .has_value());
}

}  // namespace
}  // namespace brig::runtime::testing
