#pragma once
/// Engine: a container engine that speaks Docker's API (1.41), as one caller talks to it: one question after the other
/// over a kept connection, each with a deadline and a bounded answer.
///
/// kUnavailable if nobody answers at the socket, kDenied (with what to do) if we may not connect to it; its own
/// refusals as error_of().
#include <string>
#include <string_view>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>

#include "async/task.h"
#include "base/units.h"
#include "http/client.h"
#include "runtimes/engine/answers.h"
#include "runtimes/engine/place.h"

namespace brig::runtimes::engine {

/// "/v1.41" before every target.
inline constexpr std::string_view kApi = "/v1.41";

class Engine {
 public:
  /// `name` is for people: "Docker 20.10.24", or the wall's name before that is known.
  Engine(Place place, std::string name);

  /// The body of an answer below 300. Blocks, for fifteen seconds at most.
  Result<std::string> ask(std::string_view method, const std::string& target, std::string body = {},
                          std::string_view type = "application/json");

  [[nodiscard]] const std::string& name() const { return name_; }
  /// As its answers say; empty if it is no Podman, or was not asked anything yet.
  [[nodiscard]] const std::string& podman_version() const { return podman_version_; }
  /// Of the last answer; 0 if there was none.
  [[nodiscard]] int last_status() const { return status_; }

 private:
  Task<std::string> exchange(http::Request request);

  Place place_;
  std::string name_;
  std::string podman_version_;
  int status_ = 0;
  asio::io_context io_{1};
  http::Client client_;
};

/// For the client of a place's socket.
http::ServerUrl url_of(const Place& place);

/// Why a place cannot be connected to, with what to do.
Error unreachable(const Place& place, const Error& error);

/// Asks the engine who it is and what it can. Podman run by root is not asked for more than its name: it takes two
/// seconds to answer, and what it limits is read back from the kernel anyhow.
Result<About> ask_about(const Place& place);

}  // namespace brig::runtimes::engine
