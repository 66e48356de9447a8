#pragma once
/// Server: the other side, as one caller talks to it: one question after the other over a kept connection, each with a
/// deadline and a bounded answer. kUnavailable if it cannot be reached, with its name; its own refusals as error_of().
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "async/task.h"
#include "http/client.h"
#include "runtimes/remote/answers.h"

namespace brig::runtimes::remote {

/// How a key is shown: `Authorization: Bearer` to a Brig, `X-API-KEY` to the E2B API.
enum class KeyField : std::uint8_t { kBearer, kApiKey };

/// Where it is and how it is spoken to. Everything that needs a file or a look-up is done when this is made.
struct Destination {
  http::ServerUrl url;
  std::string host;  ///< its name, for people
  std::string key;   ///< empty: none is sent (a Unix socket)
  KeyField key_field = KeyField::kBearer;
  std::shared_ptr<http::TlsContext> tls;
  std::vector<http::Endpoint> at;  ///< by number
};

/// kInvalidArgument for a URL that is none, or over which the key could be read on the way. Blocks: looks the name up.
Result<Destination> find_destination(const std::string& url, std::string key, KeyField field = KeyField::kBearer);

http::ClientOptions client_options(const Destination& destination);
http::Headers key_header(const Destination& destination);

class Server {
 public:
  Server(asio::any_io_executor executor, Destination destination);

  /// The body of an answer below 300. One at a time.
  Task<std::string> ask(std::string method, std::string target, std::string body = {});

  [[nodiscard]] const Destination& destination() const { return destination_; }

 private:
  Task<std::string> exchange(std::string method, std::string target, std::string body);

  Destination destination_;
  http::Client client_;
};

}  // namespace brig::runtimes::remote
