#include "runtime/judge.h"

#include <gmock/gmock.h>

#include <csignal>
#include <ostream>

namespace brig::runtime {
namespace {

GuestWord exited(int code) { return {.is_signalled = false, .value = code}; }
GuestWord signalled(int number) { return {.is_signalled = true, .value = number}; }
CellReport oom() { return {.memory_kills = 1}; }
CellReport expired() { return {.has_expired = true}; }

struct Case {
  const char* name;
  Observed seen;
  Cause cause;
  int value;
  int exit_code;
  const char* status;
  std::vector<std::string> limits_hit = {};
  std::optional<Milliseconds> cpu_time = {};
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class Judge : public testing::TestWithParam<Case> {};

TEST_P(Judge, Says) {
  const Case& c = GetParam();
  const Verdict verdict = judge(c.seen, {.cpu_time = c.cpu_time});
  EXPECT_EQ(verdict.exit.cause, c.cause);
  EXPECT_EQ(verdict.exit.value, c.value);
  EXPECT_EQ(exit_code_of(verdict.exit), c.exit_code);
  EXPECT_EQ(status_of(verdict.exit), c.status);
  EXPECT_EQ(verdict.limits_hit, c.limits_hit);
}

using enum HostAct;
const Case kCases[] = {
    {"Ok", {.word = exited(0)}, Cause::kExited, 0, 0, "ok"},
    {"Error", {.word = exited(3)}, Cause::kExited, 3, 3, "error"},
    {"Signal", {.word = signalled(SIGSEGV)}, Cause::kSignalled, SIGSEGV, 139, "signal"},
    {"KilledByItself", {.word = signalled(SIGKILL)}, Cause::kSignalled, SIGKILL, 137, "signal"},
    {"OomKilled", {.word = signalled(SIGKILL), .cell = oom()}, Cause::kMemoryLimit, SIGKILL, 137, "memory_limit"},
    {"OomKilledUnderAShell", {.word = exited(137), .cell = oom()}, Cause::kMemoryLimit, SIGKILL, 137, "memory_limit"},
    {"OomOfAChild", {.word = exited(1), .cell = oom()}, Cause::kExited, 1, 1, "error", {"memory"}},
    {"OomSurvived", {.word = exited(0), .cell = oom()}, Cause::kExited, 0, 0, "ok", {"memory"}},
    {"OomTookTheAgent", {.act = kChannelLost, .cell = oom()}, Cause::kMemoryLimit, SIGKILL, 137, "memory_limit"},
    {"CpuSignal",
     {.word = GuestWord{.is_signalled = true, .value = SIGXCPU, .cpu = Milliseconds(1001)}},
     Cause::kCpuLimit,
     SIGXCPU,
     124,
     "cpu_limit",
     {},
     Milliseconds(1000)},
    {"CpuSignalThatCameEarly",
     {.word = GuestWord{.is_signalled = true, .value = SIGXCPU, .cpu = Milliseconds(700)}},
     Cause::kCpuLimit,
     SIGXCPU,
     124,
     "cpu_limit",
     {},
     Milliseconds(1000)},
    {"CpuSignalOfItsOwnWithoutALimit",
     {.word = signalled(SIGXCPU)},
     Cause::kSignalled,
     SIGXCPU,
     128 + SIGXCPU,
     "signal"},
    {"CpuSignalOfItsOwnBeforeTheLimit",
     {.word = signalled(SIGXCPU), .cell = {.usage = {.cpu = Milliseconds(10)}}},
     Cause::kSignalled,
     SIGXCPU,
     128 + SIGXCPU,
     "signal",
     {},
     Milliseconds(1000)},
    {"CpuHardLimit",
     {.word = signalled(SIGKILL), .cell = {.usage = {.cpu = Milliseconds(2000)}}},
     Cause::kCpuLimit,
     SIGKILL,
     124,
     "cpu_limit",
     {},
     Milliseconds(2000)},
    {"KilledBeforeTheCpuLimit",
     {.word = signalled(SIGKILL), .cell = {.usage = {.cpu = Milliseconds(100)}}},
     Cause::kSignalled,
     SIGKILL,
     137,
     "signal",
     {},
     Milliseconds(2000)},
    {"FileSize", {.word = signalled(SIGXFSZ)}, Cause::kDiskLimit, SIGXFSZ, 125, "disk_limit"},
    {"DiskFull", {.word = GuestWord{.value = 1, .is_disk_full = true}}, Cause::kExited, 1, 1, "error", {"disk"}},
    {"SystemCallFilter", {.word = signalled(SIGSYS)}, Cause::kPolicyKill, SIGSYS, 126, "policy_kill"},
    {"ForksRefused", {.word = exited(0), .cell = {.pids_refusals = 9}}, Cause::kExited, 0, 0, "ok", {"pids"}},
    {"NoProcessLeft", {.act = kNoProcessLeft, .cell = {.pids_refusals = 1}}, Cause::kPidsLimit, 0, 125, "pids_limit"},
    {"Timeout", {.act = kTimeout}, Cause::kTimeout, 0, 124, "timeout"},
    {"TimeoutWhateverTheGuestSays", {.act = kTimeout, .word = exited(0)}, Cause::kTimeout, 0, 124, "timeout"},
    {"KernelsDeadline", {.act = kChannelLost, .cell = expired()}, Cause::kTimeout, 0, 124, "timeout"},
    {"EndedJustBeforeTheDeadline", {.word = exited(0), .cell = expired()}, Cause::kExited, 0, 0, "ok"},
    {"OutputTotal", {.act = kOutputTotal, .is_output_elided = true}, Cause::kOutputLimit, 0, 125, "output_limit"},
    {"OutputElided", {.word = exited(0), .is_output_elided = true}, Cause::kExited, 0, 0, "ok", {"output"}},
    {"Forged", {.act = kProtocolBroken, .word = exited(0)}, Cause::kPolicyKill, 0, 126, "policy_kill"},
    {"AgentGone", {.act = kChannelLost}, Cause::kSignalled, SIGKILL, 137, "signal"},
};
INSTANTIATE_TEST_SUITE_P(Table, Judge, testing::ValuesIn(kCases), [](const auto& test) { return test.param.name; });

TEST(JudgeUsage, TheHostsFiguresBeatTheGuests) {
  Observed seen{.word = GuestWord{.cpu = Milliseconds(999), .peak_memory = mebibytes(9)}, .wall = Milliseconds(5)};
  EXPECT_EQ(judge(seen, {}).exit.usage, (Usage{Milliseconds(5), Milliseconds(999), mebibytes(9)}));
  seen.cell.usage = {.wall = Milliseconds(7), .cpu = Milliseconds(3), .peak_memory = mebibytes(4)};
  EXPECT_EQ(judge(seen, {}).exit.usage, (Usage{Milliseconds(5), Milliseconds(3), mebibytes(4)}));
}

TEST(ExitCode, IsAlwaysAByte) {
  EXPECT_EQ(exit_code_of({.cause = Cause::kExited, .value = 256 + 7}), 7);
  EXPECT_EQ(status_of({.cause = Cause::kExpired}), "expired");
  EXPECT_EQ(exit_code_of({.cause = Cause::kExpired}), 124);
}

}  // namespace
}  // namespace brig::runtime
