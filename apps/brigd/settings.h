#pragma once
/// Settings: what the flags of `brig serve` say, checked.
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/paths.h"
#include "base/result.h"
#include "builds/builds.h"
#include "http/listen.h"
#include "sandboxes/sandboxes.h"

namespace brig::daemon {

struct Settings {
  std::vector<http::Endpoint> listen;  ///< the last is the Unix socket in the state folder, for this machine's owner
  std::string state_dir;
  HostPath templates_dir;
  std::string user;             ///< whom to become when started as root; empty = kDaemonId
  std::string tls_certificate;  ///< both or none
  std::string tls_key;
  bool may_listen_without_tls = false;
  bool ends_with_parent = false;         ///< stops when whoever started it is gone, however that ends
  bool has_temporary_state = false;      ///< the state folder is new, and goes with the daemon
  std::string domain = "localhost";      ///< ports inside are "{port}-{id}.DOMAIN"
  std::string tls_domain;                ///< the same with TLS, "NAME" or "NAME:PORT"; empty: there is none
  std::vector<std::string> origins;      ///< of web pages that may use the API in a browser
  Severity log_level = Severity::kInfo;  ///< at debug each request is logged
  sandboxes::Options sandboxes;
  builds::Limits builds;
};

/// Whom a daemon that was started as root becomes, unless it is told: an id that nothing else should use.
inline constexpr unsigned kDaemonId = 64'044;

/// The settings, or an exit code: 0 after --help, 2 after a mistake, which is explained on stderr.
std::expected<Settings, int> read_settings(const std::vector<std::string>& arguments);

}  // namespace brig::daemon
