#pragma once
/// Guests: from a request for what is inside a sandbox (E2B's data plane) to that sandbox, and who may ask.
///
/// The sandbox and the port stand in the headers E2b-Sandbox-Id and E2b-Sandbox-Port, or in the host name
/// "{port}-{id}.DOMAIN". There is no key: the tokens of tokens.h stand for it, and are worth no more than the key of
/// the sandbox's owner.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/common/preview.h"
#include "api/e2b/lives.h"
#include "api/e2b/tokens.h"
#include "http/exchange.h"
#include "sandboxes/sandboxes.h"
#include "store/store.h"

namespace brig::api::e2b {

inline constexpr std::uint16_t kEnvdPort = 49'983;
inline constexpr std::uint16_t kInterpreterPort = 49'999;

/// A sandbox that is asked for something, for as long as one request takes.
struct Guest {
  std::shared_ptr<sandboxes::Sandbox> sandbox;
  sandboxes::Sandbox::Use use;
  std::uint16_t port = 0;
};

/// What the headers or the host name say, whether there is such a sandbox or not. Nothing if neither says anything;
/// kInvalidArgument if one header is missing or is no id or port.
Result<std::optional<PortName>> named_guest(const http::Exchange& exchange);

class Guests {
 public:
  /// References outlive it.
  Guests(sandboxes::Sandboxes& sandboxes, store::Store& store, Lives& lives, Tokens tokens, WallClock clock)
      : sandboxes_(sandboxes), store_(store), lives_(lives), tokens_(std::move(tokens)), clock_(std::move(clock)) {}
  Guests(const Guests&) = delete;
  Guests& operator=(const Guests&) = delete;

  /// The running sandbox that the request names. kNotFound kNoGuest (502 to the client) if there is none, it is paused,
  /// or its owner's key is no longer valid. Nobody has proven anything yet: see expect_access_token().
  Result<Guest> find(const http::Exchange& exchange);
  /// find() for an address of /files that names no sandbox: the one whose token the address was signed with.
  Result<Guest> find_signed(const http::Exchange& exchange);

  /// kDenied, told to the client as 401, unless X-Access-Token is the sandbox's.
  [[nodiscard]] Result<> expect_access_token(const http::Exchange& exchange, const Guest& guest) const;
  /// For requests to /files: the token if it is sent, else the signature of the address.
  [[nodiscard]] Result<> expect_file_access(const http::Exchange& exchange, const Guest& guest,
                                            FileAccess access) const;
  /// 403 in words (kDenied) for a sandbox whose ports are not public, unless E2b-Traffic-Access-Token is its own.
  [[nodiscard]] Result<> expect_traffic(const http::Exchange& exchange, const Guest& guest) const;

  /// If the request names a paused sandbox that is to wake by itself, and may be made of it: resumes it.
  Task<> wake(http::Exchange& exchange);

  [[nodiscard]] const Tokens& tokens() const { return tokens_; }
  [[nodiscard]] WallTime now() const { return clock_(); }

 private:
  Result<std::shared_ptr<sandboxes::Sandbox>> admit(const http::Exchange& exchange, std::string_view id);

  sandboxes::Sandboxes& sandboxes_;
  store::Store& store_;
  Lives& lives_;
  Tokens tokens_;
  WallClock clock_;
};

}  // namespace brig::api::e2b
