/// The process wall, live: what confines a sandbox, and that every limit is one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

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

}  // namespace
}  // namespace brig
