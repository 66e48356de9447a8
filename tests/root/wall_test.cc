/// The process wall, live: what confines a sandbox, and that every limit is one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "root/room.h"

namespace brig {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Wall, RunsACommand) {
  Room room;
  ASSERT_TRUE(room.is_ready());
  const Answer answer = room.shell("echo hello; echo oops >&2; exit 3");
  EXPECT_EQ(answer.out, "hello\n");
  EXPECT_EQ(answer.err, "oops\n");
  EXPECT_EQ(answer.end.value, 3);
}

TEST(Wall, AttestsWhatTheKernelSays) {
  Room room;
  ASSERT_TRUE(room.is_ready());
  const runtime::Attestation& a = room.cell().attestation();
  EXPECT_EQ(a.runtime, "process");
  EXPECT_THAT(a.namespaces, testing::ElementsAre("cgroup", "ipc", "mnt", "net", "pid", "user", "uts"));
  EXPECT_EQ(a.capabilities, "none");
  EXPECT_TRUE(a.no_new_privs);
  EXPECT_TRUE(a.rootfs.is_read_only);
  EXPECT_THAT(a.user_mapping, HasSubstr("1000 -> "));
  EXPECT_EQ(a.seccomp.filters, 1U);
}

TEST(Wall, TheGuestSeesTheSameFromInside) {
  Room room;
  ASSERT_TRUE(room.is_ready());
  const Answer answer =
      room.shell("id -u; hostname; cat /proc/self/status | grep -E 'Cap(Eff|Bnd)|NoNewPrivs|Seccomp:'; echo $$; pwd");
  EXPECT_THAT(answer.out, HasSubstr("1000\nbrig\n"));
  EXPECT_THAT(answer.out, HasSubstr("CapEff:\t0000000000000000"));
  EXPECT_THAT(answer.out, HasSubstr("CapBnd:\t0000000000000000"));
  EXPECT_THAT(answer.out, HasSubstr("NoNewPrivs:\t1"));
  EXPECT_THAT(answer.out, HasSubstr("Seccomp:\t2"));
  EXPECT_THAT(answer.out, HasSubstr("/workspace\n"));
}

TEST(Wall, OffersAWorkingTerminal) {
  Room room;
  ASSERT_TRUE(room.is_ready());
  const Answer answer = room.exec({"/usr/bin/script", "-qec", "tty; stty size", "/dev/null"});
  EXPECT_THAT(answer.out, HasSubstr("/dev/pts/"));
}

TEST(Wall, LoopbackInsideWorksAndNothingElseExists) {
  Room room;
  ASSERT_TRUE(room.is_ready());
  const Answer answer = room.exec(
      {"/usr/bin/python3", "-c",
       "import socket\n"
       "s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname()); print('local ok')\n"
       "try:\n socket.create_connection(('192.0.2.1', 80), 2)\nexcept OSError as e: print('out:', e.strerror)\n"});
  EXPECT_THAT(answer.out, HasSubstr("local ok"));
  EXPECT_THAT(answer.out, HasSubstr("out: Network is unreachable"));
}

/// What the kernel counts for the whole machine, or for whoever made the sandbox.
TEST(Wall, LeavesTheHostWhatItShares) {
  Room room({.limits = {.memory = mebibytes(64)}});
  ASSERT_TRUE(room.is_ready());
  const auto python = [&](const char* code) {
    const Answer answer = room.exec({"python3", "-c", code});
    return answer.out + answer.err;
  };
  EXPECT_EQ(python(R"(import ctypes, os
c = ctypes.CDLL(None, use_errno=True)
print(c.inotify_init1(0), os.strerror(ctypes.get_errno())))"),
            "-1 Too many open files\n");
  EXPECT_EQ(python(R"(import os
count = 0
try:
    while True:
        os.open('/dev/ptmx', os.O_RDWR | os.O_NOCTTY)
        count += 1
except OSError as error: print(count, error.strerror))"),
            "64 No space left on device\n");
  EXPECT_EQ(python(R"(import resource
print(resource.getrlimit(resource.RLIMIT_CORE))
try: resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except OSError as error: print(error.strerror)
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
print(resource.getrlimit(resource.RLIMIT_NOFILE)))"),
            "(1, 1)\nFunction not implemented\n(100, 100)\n");
}

TEST(Wall, LimitsWhatLiesInSockets) {
  Room room({.limits = {.memory = mebibytes(64)}});
  ASSERT_TRUE(room.is_ready());
  const Answer answer = room.exec({"python3", "-c", R"(import socket
listener = socket.create_server(('127.0.0.1', 0), backlog=1000)
keep, total = [], 0
for _ in range(60):
    a = socket.create_connection(listener.getsockname())
    keep += [a, listener.accept()[0]]
    a.setblocking(False)
    try:
        while True: total += a.send(bytes(60000))
    except BlockingIOError: pass
print(total >> 20))"});
  EXPECT_EQ(answer.err, "");
  EXPECT_LT(std::atoi(answer.out.c_str()), 64);
  EXPECT_GT(answer.out.size(), 1U);
}

}  // namespace
}  // namespace brig
