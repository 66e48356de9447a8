#pragma once
/// Remote: a daemon, as the command line talks to it: JSON in, JSON out, errors as sentences.
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/json/fwd.hpp>

#include "base/result.h"
#include "http/client.h"
#include "http/target.h"

namespace brig::client {

/// A variable of ours; empty if it is not set.
std::string environment(const char* name);

/// Where it is and with which key, from flags, BRIG_API_URL and BRIG_API_KEY.
struct Where {
  std::string url = "http://127.0.0.1:2744";
  std::string key;
};
Where find_daemon(const std::optional<std::string>& url, const std::optional<std::string>& key);

/// "/v1/sandboxes/ID/fs?path=…": parts are encoded.
std::string target_of(std::string_view path, std::initializer_list<std::pair<std::string_view, std::string>> query);

class Remote {
 public:
  static Result<std::unique_ptr<Remote>> open(const Where& where);
  Remote(const Remote&) = delete;
  Remote& operator=(const Remote&) = delete;

  /// A request whose answer is JSON (null for 204). An answer of 400 and more is an Error with the daemon's sentence.
  Result<boost::json::value> ask(std::string method, std::string target, const boost::json::object* body = nullptr);

  asio::io_context& io() { return io_; }
  http::Client& client() { return *client_; }
  [[nodiscard]] http::Headers headers() const;

 private:
  Remote() = default;
  asio::io_context io_{1};
  std::string key_;
  std::string url_;
  std::unique_ptr<http::Client> client_;
};

/// The Error of an answer of 400 and more: the sentence of its body, and a hint where there is one.
Error error_of(int status, std::string_view body);

/// Sends, waits for the head; an answer of 400 and more becomes an Error.
Task<std::unique_ptr<http::Response>> send(http::Client& client, http::Request request);

}  // namespace brig::client
