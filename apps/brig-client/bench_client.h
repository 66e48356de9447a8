#pragma once
/// BenchClient: one client of the service that asks one thing after the other over a connection that stays open.
#include <cstdint>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "http/client.h"
#include "remote.h"

namespace brig::client {

struct MadeSandbox {
  std::string id;
  bool is_from_pool = false;
};

/// Every operation fails with the daemon's sentence if it does not do what was asked for.
class BenchClient {
 public:
  static Result<std::unique_ptr<BenchClient>> open(const asio::any_io_executor& executor, const Where& where);
  BenchClient(const BenchClient&) = delete;
  BenchClient& operator=(const BenchClient&) = delete;

  /// The body of an answer below 400.
  Task<std::string> ask(std::string method, std::string target, std::string body = {});
  Task<> healthz();
  /// `body` is JSON.
  Task<MadeSandbox> create(std::string body);
  /// The names of those that work there and that the key may use.
  Task<std::vector<std::string>> walls();
  Task<> exec_true(std::string id);
  Task<> kill(std::string id);

  // Streams of `size` bytes; the file is always the same.
  Task<> upload(std::string id, std::uint64_t size);
  Task<> download(std::string id, std::uint64_t size);
  /// A program that prints `size` bytes, and what it prints: over a WebSocket, or as server-sent events.
  Task<> follow(std::string id, std::uint64_t size);
  Task<> follow_events(std::string id, std::uint64_t size);

 private:
  BenchClient(const asio::any_io_executor& executor, http::ServerUrl url, std::string key)
      : client_(executor, std::move(url)), key_(std::move(key)) {}
  [[nodiscard]] http::Request request(std::string method, std::string target, std::string body = {}) const;

  http::Client client_;
  std::string key_;
};

}  // namespace brig::client
