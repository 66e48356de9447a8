#include "terminal.h"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <optional>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/value.hpp>

#include "async/run.h"
#include "async/stream.h"
#include "json/json.h"
#include "sys/file.h"

namespace brig::client {
namespace {

constexpr std::size_t kMessageMax = std::size_t{1} << 20;
constexpr int kLostExitCode = 125;

/// Every key goes to the program inside, Ctrl-C among them; what was before comes back with the destructor.
class RawTerminal {
 public:
  RawTerminal() {
    termios raw{};
    if (::tcgetattr(STDIN_FILENO, &raw) < 0) return;
    before_ = raw;
    ::cfmakeraw(&raw);
    (void)::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;
  ~RawTerminal() {
    if (before_) (void)::tcsetattr(STDIN_FILENO, TCSADRAIN, &*before_);
  }

 private:
  std::optional<termios> before_;
};

std::string resize_text() {
  const Size size = terminal_size();
  return json::write(boost::json::object{{"type", "resize"}, {"rows", size.rows}, {"cols", size.columns}});
}

Task<int> print_output(http::WebSocket& socket) {
  int code = kLostExitCode;
  while (true) {
    CO_TRY(const http::Message message, co_await socket.read(kMessageMax));
    if (message.kind == http::Message::Kind::kClose) co_return code;
    if (message.kind == http::Message::Kind::kBinary) {
      CO_TRY_VOID(sys::write_all(FdRef(STDOUT_FILENO), message.bytes));
      continue;
    }
    const auto value = json::parse(message.bytes);
    if (!value || !value->is_object()) continue;
    if (const auto* exit = value->as_object().if_contains("exit"); exit != nullptr && exit->is_int64())
      code = static_cast<int>(exit->as_int64());
  }
}

Task<> send_input(http::WebSocket& socket) {
  std::array<char, 4096> buffer;
  while (true) {
    CO_TRY_VOID(co_await wait_readable(FdRef(STDIN_FILENO)));
    const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count <= 0) break;
    CO_TRY_VOID(co_await socket.write_binary({buffer.data(), static_cast<std::size_t>(count)}));
  }
  CO_TRY_VOID(co_await socket.write_binary("\x04"));  // the end of input, as a terminal says it
  co_return Result<>();
}

Task<> send_sizes(http::WebSocket& socket) {
  asio::signal_set resized(co_await asio::this_coro::executor, SIGWINCH);
  while (true) {
    CO_TRY_VOID(co_await socket.write_text(resize_text()));
    co_await resized.async_wait(asio::use_awaitable);
  }
}

/// Ends only with an error: its end alone is no reason to leave.
Task<> serve_terminal(http::WebSocket& socket) {
  using namespace asio::experimental::awaitable_operators;
  auto both = co_await (send_input(socket) && send_sizes(socket));
  co_return std::get<0>(std::move(both));
}

Task<int> talk(Remote& remote, std::string target) {
  using namespace asio::experimental::awaitable_operators;
  CO_TRY(const auto socket, co_await remote.client().websocket(std::move(target), remote.headers()));
  const RawTerminal raw;
  auto ended = co_await (print_output(**socket) || serve_terminal(**socket));
  if (ended.index() == 0) co_return std::get<0>(std::move(ended));
  CO_TRY_VOID(std::get<1>(std::move(ended)));
  co_return kLostExitCode;
}

}  // namespace

Size terminal_size() {
  winsize size{};
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0) return {};
  return {.rows = size.ws_row, .columns = size.ws_col};
}

Result<int> attach_terminal(Remote& remote, const std::string& sandbox, const std::string& process) {
  return run(remote.io(), talk(remote, "/v1/sandboxes/" + http::percent_encode(sandbox) + "/processes/" +
                                           http::percent_encode(process) + "/attach"));
}

}  // namespace brig::client
