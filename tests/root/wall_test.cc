/// The process wall, live: what confines a sandbox, and that every limit is one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

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

Task<> ask_server(guest::Session& session, std::string& answer) {
  struct Nowhere final : guest::OutputSink {
    void on_output(guest::Stream, std::span<const std::byte>) override {}
  } nowhere;
  guest::ExecRequest request{.argv = {"python3", "-c",
                                      "import socket\n"
                                      "s = socket.create_server(('127.0.0.1', 8080))\n"
                                      "c, _ = s.accept()\n"
                                      "c.sendall(c.recv(100).upper()); c.close()"},
                             .env = {"PATH=/usr/bin:/bin"}};
  CO_TRY(const auto server, co_await session.exec(std::move(request), nowhere));
  for (std::vector<std::uint16_t> ports; ports.empty();) {
    CO_TRY(ports, co_await session.listening_ports());
    if (!ports.empty() && ports != std::vector<std::uint16_t>{8080}) co_return Error(Code::kInternal, "other ports");
    CO_TRY_VOID(co_await sleep(Milliseconds(10)));
  }
  CO_TRY(const auto connection, co_await session.dial(8080));
  CO_TRY_VOID(co_await connection->write_all(std::as_bytes(std::span(std::string_view("hello")))));
  std::array<std::byte, 100> buffer;
  CO_TRY(const std::size_t count, co_await connection->read_some(buffer));
  answer.assign(reinterpret_cast<const char*>(buffer.data()), count);
  const auto refused = co_await session.dial(8081);
  if (refused.has_value() || refused.error().os_error() != ECONNREFUSED)
    co_return Error(Code::kInternal, "nobody listens there");
  co_return Result<>();
}

TEST(Wall, APortInsideCanBeFoundAndDialled) {
  Room room;
  ASSERT_TRUE(room.is_ready());
  std::string answer;
  const auto done = run(room.io(), with_timeout(Milliseconds(20'000), ask_server(room.session(), answer), "the port"));
  EXPECT_TRUE(done.has_value()) << done.error().message();
  EXPECT_EQ(answer, "HELLO");
}

/// Of inotify: what the host allows any one user.
int instances_of_a_user() {
  std::ifstream file("/proc/sys/fs/inotify/max_user_instances");
  int count = 0;
  file >> count;
  return count;
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
count = 0
while c.inotify_init1(0) >= 0: count += 1
print(count, os.strerror(ctypes.get_errno())))"),
            std::to_string(instances_of_a_user()) + " Too many open files\n");
  EXPECT_EQ(python(R"(import ctypes, os, fcntl
c = ctypes.CDLL(None, use_errno=True)
fd = c.inotify_init1(0)
print(c.inotify_add_watch(fd, b'/usr/bin', 0x20), os.strerror(ctypes.get_errno()))
try: fcntl.fcntl(os.open('/usr/bin', os.O_RDONLY), fcntl.F_NOTIFY, fcntl.DN_ACCESS)
except OSError as error: print(error.strerror))"),
            "-1 Function not implemented\nFunction not implemented\n");
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

/// Socket options are a list (seccomp_profile.cc): what servers and clients set is in it, what reaches deep is not.
TEST(Wall, ServersAndClientsFindTheSocketOptionsTheyNeed) {
  Room room;
  ASSERT_TRUE(room.is_ready());
  const Answer python =
      room.exec({"python3", "-c", R"(import asyncio, errno, http.server, socket, struct, threading, urllib.request
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(urllib.request.urlopen('http://127.0.0.1:%d/' % server.server_port).status)
async def main():
    server = await asyncio.start_server(lambda r, w: w.close(), '::1', 0, reuse_port=True)
    r, w = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    print(await r.read())
asyncio.run(main())
s = socket.socket()
for level, name, value in ((1, 9, 1), (1, 13, struct.pack('ii', 1, 0)), (6, 4, 60), (6, 5, 10), (6, 6, 3), (6, 18, 1000), (6, 1, 1), (6, 12, 1)):
    s.setsockopt(level, name, value)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for name, value in ((10, 2), (33, 1), (34, 1), (49, 0), (1, 16)): u.setsockopt(0, name, value)
for sock, level, name, value in ((u, 1, 26, struct.pack('HL', 1, 0)), (s, 6, 31, b'tls'), (s, 6, 13, b'reno')):
    try: sock.setsockopt(level, name, value)
    except OSError as error: print(errno.errorcode[error.errno]))"});
  EXPECT_EQ(python.out, "200\nb''\nENOPROTOOPT\nENOPROTOOPT\nENOPROTOOPT\n") << python.err;
  const Answer node = room.exec({"/bin/sh", "-c", R"sh(command -v node >/dev/null || { echo 200; exit; }
exec node -e "const http = require('http'); const s = http.createServer((q, r) => r.end('x')).listen(0, '127.0.0.1', () =>
http.get({port: s.address().port, agent: new http.Agent({keepAlive: true})}, r => { console.log(r.statusCode); process.exit() }))")sh"});
  EXPECT_EQ(node.out, "200\n") << node.err;
}

/// More instances of inotify than one user of the host may have.
TEST(Wall, ManySandboxesTakeNothingFromTheHostsRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "without root sandboxes have no user of their own";
  std::vector<std::unique_ptr<Room>> rooms;
  for (int i = 0; i * 8 <= instances_of_a_user(); ++i) {
    rooms.push_back(std::make_unique<Room>());
    ASSERT_TRUE(rooms.back()->is_ready());
    const auto place = *GuestPath::parse("/workspace");
    for (int watch = 0; watch < 8; ++watch) {
      auto watcher = run(rooms.back()->io(), rooms.back()->session().watch(place, true));
      ASSERT_TRUE(watcher.has_value()) << i << ": " << watcher.error().message();
      static std::vector<std::unique_ptr<guest::Watcher>> kept;
      kept.push_back(*std::move(watcher));
    }
  }
}

TEST(Wall, FilesInsideAreWatched) {
  Room room;
  ASSERT_TRUE(room.is_ready());
  const auto watcher = run(room.io(), room.session().watch(*GuestPath::parse("/workspace"), true));
  ASSERT_TRUE(watcher.has_value()) << watcher.error().message();
  EXPECT_EQ(room.shell("mkdir a && echo x > a/file").end.value, 0);
  const auto change = run(room.io(), with_timeout(Milliseconds(20'000), (*watcher)->next(), "the change"));
  ASSERT_TRUE(change.has_value() && change->has_value());
  EXPECT_EQ(**change,
            (guest::FileChange{.kind = guest::ChangeKind::kCreated, .is_folder = true, .path = "a", .from = {}}));
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

TEST(Wall, ScratchLargerThanMemoryLiesOnTheDisk) {
  policy::Policy policy;
  policy.limits.memory = mebibytes(64);
  policy.limits.disk = mebibytes(300);
  policy.limits.inodes = 1000;
  Room room(policy);
  ASSERT_TRUE(room.is_ready());
  const Answer written = room.shell("head -c 200M /dev/zero > /workspace/large && stat -c %s /workspace/large");
  EXPECT_EQ(written.out, "209715200\n") << written.err;
  EXPECT_THAT(room.shell("head -c 200M /dev/zero > /home/user/more").err, HasSubstr("No space left on device"));
  EXPECT_THAT(
      room.shell("rm /workspace/large; i=0; while [ $i -lt 1100 ]; do : > /tmp/$i || exit; i=$((i+1)); done").err,
      HasSubstr("No space left on device"))
      << "the inodes are bounded too";
  EXPECT_EQ(room.destroy().memory_kills, 0U);
}

}  // namespace
}  // namespace brig
