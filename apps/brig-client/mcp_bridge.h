#pragma once
/// McpBridge: MCP over standard input and output, on the endpoint of a daemon. A line is a message, an answer is a
/// line; each message is a request of its own, so that one can cancel another. Calls of tools go side by side, but for
/// those that must keep the order of their lines (mcp_calls.h): requests of their own would overtake each other. All
/// else passes at once. What is in a message is the daemon's business: only what its headers must repeat, and what
/// tells calls, their order and their cancellation, is read here.
#include <memory>
#include <string>

#include <boost/json/value.hpp>

#include "async/notifier.h"
#include "async/task_group.h"
#include "mcp_calls.h"
#include "remote.h"

namespace brig::client {

class McpBridge final : public std::enable_shared_from_this<McpBridge> {
 public:
  /// `remote` outlives it.
  explicit McpBridge(Remote& remote);

  /// Opens a session, whose sandbox is that of everybody who speaks through us.
  Task<> open();
  /// Until the input ends and what was asked is answered (for a moment), or somebody stops us by a signal.
  Task<> serve();
  /// Ends the session and with it its sandbox.
  Task<> close();

 private:
  Task<> read_all();
  [[nodiscard]] bool is_room() const;
  void take(std::string line);
  void spawn(Task<> task);
  void make_calls();
  Task<> make(std::shared_ptr<McpCalls::Call> call);
  Task<> forward(std::string line);
  Task<std::unique_ptr<http::Response>> post(const std::string& line);
  Task<> print_answer(http::Response& response, const std::string& line);
  Task<> idle();
  Task<> reopen(std::string lost);
  static Result<> say(std::string line);
  static Result<> say_answer(const std::string& body, int status, const std::string& line);
  static Result<> say_error(const std::string& line, int code, const std::string& sentence);

  Remote& remote_;
  std::string session_;
  bool is_reopening_ = false;
  McpCalls calls_;
  Notifier settled_;
  TaskGroup tasks_;
};

}  // namespace brig::client
