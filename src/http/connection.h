#pragma once
/// Connection: one client's connection and the request that it is at. Part of the room; nothing else uses it.
///
/// run() is its one coroutine: head, handler, rest, and again. What an Exchange offers is done here; connection.cc has
/// the course of a connection, exchange.cc what a handler asks for.
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "http/body_reader.h"
#include "http/exchange.h"
#include "http/head.h"
#include "http/inbox.h"
#include "http/server.h"
#include "http/target.h"
#include "http/transport.h"

namespace brig::http {

/// How the end of an answer is told.
enum class AnswerForm : std::uint8_t { kNone, kLength, kChunked, kUntilClose };

/// Everything that ends with a request.
struct RequestState {
  RequestHead head;
  Target target;
  std::string authority;
  std::string id;
  std::string route;
  std::vector<std::pair<std::string, std::string>> parameters;
  Clock::time_point began;

  BodyReader body;
  bool must_say_continue = false;
  bool may_be_silent = false;  ///< while its handler runs
  std::uint64_t bytes_in = 0;
  std::optional<Refusal> refusal;  ///< what the client did wrong with its body

  Headers more_headers;
  int status = 0;
  AnswerForm form = AnswerForm::kNone;
  std::uint64_t answer_left = 0;
  std::uint64_t bytes_out = 0;
  bool is_finished = false;
  bool is_client_gone = false;  ///< and the handler knows
  bool must_close = false;
};

class Connection {
 public:
  Connection(std::shared_ptr<Server::State> server, std::unique_ptr<Transport> transport, Peer peer);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  /// Its whole life. Never fails for what a client does.
  Task<> run();
  /// Says that there are too many connections, and ends.
  Task<> run_refused();
  /// Ends waiting for a next request; a running one goes on.
  void close_if_idle();
  void close() { transport_->close(); }
  void expire(Clock::time_point now) { transport_->expire(now); }

 private:
  friend class Exchange;
  /// The connection's bytes after a head: what has come already, then what comes.
  class Raw final : public Stream {
   public:
    explicit Raw(Connection& connection) : connection_(connection) {}
    Task<std::size_t> read_some(std::span<std::byte> buffer) override;
    Task<> write_all(std::string_view bytes) override;
    Task<> shutdown_send() override;
    void close() override;

   private:
    Connection& connection_;
  };

  // connection.cc
  /// The next head is in request_; false if there will be none.
  Task<bool> read_head();
  Task<std::optional<std::size_t>> find_head();
  std::optional<Refusal> take_head(std::size_t size);
  Task<> handle();
  Task<> call_handler();
  Task<> drain_body();
  Task<> refuse(Refusal refusal);
  Task<> close_politely();
  void report();
  void report_late(const Error& error);
  /// More bytes into the inbox; 0 at the end.
  Task<std::size_t> fill(std::size_t least);

  // exchange.cc: whose it is
  Result<> count_for(std::string_view owner);
  void leave_owner();
  /// Counts memory that the request takes until release(), at the latest until its end. kExhausted if its owner has as
  /// much as it may; then nothing is counted, and the connection closes after the answer.
  Result<> hold(std::size_t bytes);
  void release(std::size_t bytes);
  class Held {
   public:
    Held(Connection& connection, std::size_t bytes) : connection_(connection), bytes_(bytes) {}
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() { connection_.release(bytes_); }

   private:
    Connection& connection_;
    std::size_t bytes_;
  };
  // … the body
  Task<std::size_t> read_body_some(std::span<std::byte> buffer);
  Task<> say_continue();
  Error body_failed(Error error);
  Task<> wait_gone();
  Task<> see_client_go();
  // … and the answer
  Result<std::string> format_head(int status, const Headers& headers);
  Task<> send_whole(int status, Headers headers, std::string body);
  Task<> start_answer(int status, Headers headers, std::optional<std::uint64_t> length);
  Task<> write_answer(std::string_view bytes);
  Task<> finish_answer();
  Task<> answer_error(Error error);
  [[nodiscard]] bool keeps_alive() const;

  std::shared_ptr<Server::State> server_;
  std::list<Connection*>::iterator place_;  ///< in the server's list
  std::unique_ptr<Transport> transport_;
  Peer peer_;
  std::string owner_;  ///< whose it counts as; empty = nobody's
  std::size_t held_ = 0;
  Inbox inbox_;
  Raw raw_;
  Exchange exchange_;
  std::unique_ptr<RequestState> request_;
  bool is_idle_ = false;
  bool has_ended_ = false;  ///< the client sends nothing more
};

}  // namespace brig::http
