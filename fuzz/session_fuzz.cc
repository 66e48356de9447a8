// Attacker: a guest that controls every byte of its channel, against a Session with operations of each kind in flight.
// Held here: no crash, no hang, no leak; after the guest has hung up every operation has ended.
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "async/task_group.h"
#include "guest/session.h"

using namespace brig;
using namespace brig::guest;

namespace {

class Ignored final : public OutputSink {
 public:
  void on_output(Stream, std::span<const std::byte> bytes) override { total += bytes.size(); }
  std::size_t total = 0;
};

int g_running = 0;

Task<> run_command(Task<std::unique_ptr<Process>> starting) {
  auto process = co_await std::move(starting);
  if (process.has_value()) {
    (void)(*process)->signal(15);
    auto end = co_await (*process)->wait();
    if (end.has_value()) (void)(*process)->close_stdin();
  }
  --g_running;
  co_return Result<>();
}

Task<> run_connection(Task<std::unique_ptr<Connection>> dialling) {
  auto connection = co_await std::move(dialling);
  if (connection.has_value()) {
    static std::array<std::byte, 100> bytes{};
    auto written = co_await (*connection)->write_all(bytes);
    if (written.has_value()) (void)(*connection)->shutdown_write();
    while (true) {
      auto count = co_await (*connection)->read_some(bytes);
      if (!count.has_value() || *count == 0) break;
    }
  }
  --g_running;
  co_return Result<>();
}

Task<> run_watch(Task<std::unique_ptr<Watcher>> starting) {
  auto watcher = co_await std::move(starting);
  while (watcher.has_value()) {
    auto change = co_await (*watcher)->next();
    if (!change.has_value() || !change->has_value()) break;
  }
  --g_running;
  co_return Result<>();
}

template <class T>
Task<> run_file(Task<T> operation) {
  auto result = co_await std::move(operation);
  (void)result.has_value();
  --g_running;
  co_return Result<>();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 150'000) return 0;  // fits in the socket at once
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) return 0;
  Fd guest(fds[0]);
  asio::io_context io;
  Ignored sink;
  TaskGroup tasks(io.get_executor());
  auto session = Session::connect(io.get_executor(), Fd(fds[1]));
  if (!session.has_value()) std::abort();
  const auto path = *GuestPath::parse("/workspace/x");
  static const std::array<std::byte, 100> contents{};
  g_running = 8;
  tasks.spawn(
      run_command((*session)->exec({.argv = {"x"}, .has_stdin = true, .wants_results = true}, sink)));  // channel 1
  tasks.spawn(run_file((*session)->list({.path = path, .depth = 3, .max_entries = 10})));               // channel 2
  tasks.spawn(run_file((*session)->read_file(path, 0, 1000, [](auto) -> Result<> { return {}; })));     // channel 3
  tasks.spawn(run_file((*session)->write_file(path, contents, {})));                                    // channel 4
  tasks.spawn(run_file((*session)->stat(path)));                                                        // channel 5
  tasks.spawn(run_connection((*session)->dial(80)));                                                    // channel 6
  tasks.spawn(run_file((*session)->listening_ports()));                                                 // channel 7
  tasks.spawn(run_watch((*session)->watch(path, true)));                                                // channel 8
  (void)!::send(guest.get(), data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  ::shutdown(guest.get(), SHUT_WR);
  io.run();
  if (g_running != 0) std::abort();
  session->reset();
  io.restart();
  io.run();
  return 0;
}
