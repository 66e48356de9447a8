#pragma once
/// Scene: a daemon, a victim with a sandbox full of things worth having, and an attacker with a key and a sandbox of
/// its own. Everything a probe may use.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/json/value.hpp>

#include "async/task.h"
#include "attack/api/probe.h"
#include "base/fd.h"
#include "http/client.h"

namespace brig::attack::api {

/// Where the daemon is, and who is who.
struct Stage {
  std::string url;
  std::string owner_url;  ///< "unix:…", where no key is needed; empty if we have no access to it
  std::string victim_key;
  std::string attacker_key;
  std::string probe_program;  ///< brig-probe, which is put inside
};

struct Answer {
  int status = 0;
  http::Headers headers;
  std::string body;
};

/// A request. "{victim}", "{attacker}", "{process}" … in target, headers and body stand for the scene's own (fill()).
struct Ask {
  std::string method = "GET";
  std::string target;
  std::string body = {};
  http::Headers headers = {};
  bool is_stream = false;  ///< of its answer only the head is waited for, unless it is an error
};

/// A raw connection, for what no proper client would send.
class RawConnection {
 public:
  virtual ~RawConnection() = default;
  virtual Task<> write(std::string bytes) = 0;
  /// What came until the other side closed, or `most` bytes, or nothing came for `patience`.
  virtual Task<std::string> read(std::size_t most, Milliseconds patience) = 0;
};

class Scene {
 public:
  static constexpr std::uint16_t kPort = 8000;
  /// What the victim's file holds, and what its server says.
  static constexpr std::string_view kSecretFile = "/workspace/secret";

  Scene(asio::any_io_executor executor, Stage stage) : executor_(std::move(executor)), stage_(std::move(stage)) {}
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  /// Makes keys (if it can), sandboxes, files, processes, servers, snapshots and previews.
  Task<> set_up();
  /// Ends what it made.
  Task<> clear();

  [[nodiscard]] const Stage& stage() const { return stage_; }
  [[nodiscard]] bool has_owner() const { return !stage_.owner_url.empty(); }
  /// The victim's key for a control, the attacker's for an attack.
  [[nodiscard]] const std::string& key_of(Side side) const {
    return side == Side::kControl ? stage_.victim_key : stage_.attacker_key;
  }
  [[nodiscard]] const std::string& victim() const { return victim_; }
  [[nodiscard]] const std::string& attacker() const { return attacker_; }
  [[nodiscard]] const std::string& secret() const { return secret_; }
  [[nodiscard]] const std::string& revoked_key() const { return revoked_key_; }
  [[nodiscard]] const std::string& expired_key() const { return expired_key_; }
  [[nodiscard]] bool is_tls() const { return url_.is_tls; }
  /// "127.0.0.1:2744"
  [[nodiscard]] const std::string& authority() const { return url_.authority; }
  /// ":2744", behind a host name of a port.
  [[nodiscard]] std::string port_suffix() const;

  [[nodiscard]] std::string fill(std::string_view text) const;
  /// A request with this key (none: ""), on a connection of its own.
  Task<Answer> ask(std::string key, Ask ask);
  /// The same through the daemon's own socket, as its owner.
  Task<Answer> ask_owner(Ask ask, std::string key = {});
  /// The answer's JSON; an Error for a status of 400 and more.
  Task<boost::json::value> must(std::string key, Ask ask);
  /// These bytes (filled in), and what comes back until the daemon closes.
  Task<std::string> raw(std::string bytes);
  Task<std::unique_ptr<RawConnection>> connect();
  /// The id of a new sandbox of this key, and away with it.
  Task<std::string> make(std::string key, std::string body = "{}");
  Task<> end(std::string key, std::string id);
  /// A preview of the victim's port: (pass, path below the API).
  Task<std::string> preview(std::string key, std::string id, std::uint16_t port, int seconds);
  /// What the server in the victim's sandbox has heard.
  Task<std::string> heard();
  /// Lays out what the server in the victim's sandbox answers for "/name".
  Task<> answer_with(std::string name, std::string bytes);
  /// Whether the daemon still serves its proper customers.
  Task<bool> is_served();

 private:
  Task<Answer> ask_at(http::ServerUrl url, std::string key, Ask ask);
  /// A sandbox and its forks; the victim's snapshots.
  Task<> clear_forks(std::string key, std::string id);
  Task<> clear_snapshots();
  Task<> set_up_victim();
  Task<> set_up_keys();
  Task<> serve_inside(std::string key, std::string id, std::string text);

  asio::any_io_executor executor_;
  Stage stage_;
  http::ServerUrl url_;
  std::string secret_;
  std::string victim_;
  std::string second_;  ///< another one of the victim's, so that its list has two pages
  std::string attacker_;
  std::string process_;
  std::string snapshot_;
  std::string spare_snapshot_;
  std::string revoked_key_;
  std::string expired_key_;
  std::string key_id_;
};

}  // namespace brig::attack::api
