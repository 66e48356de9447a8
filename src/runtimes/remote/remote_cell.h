#pragma once
/// RemoteCell: a sandbox that lives in another Brig.
///
/// It hangs on its channel: when that is closed, by whoever's death, the other side ends the sandbox; a machine that is
/// cut off is noticed there within a minute, and the lifetime holds whatever happens. What the other side says of it is
/// believed as its word, and labelled so.
#include <memory>
#include <string>

#include "runtime/runtime.h"
#include "runtimes/remote/relay.h"
#include "runtimes/remote/server.h"

namespace brig::runtimes::remote {

struct RemoteCellParts {
  std::string id;  ///< over there
  std::unique_ptr<Server> server;
  Relay relay;
  runtime::Attestation attestation;
};

std::unique_ptr<runtime::Cell> make_remote_cell(RemoteCellParts parts, const asio::any_io_executor& executor);

/// "/v1/sandboxes/ID"
std::string sandbox_path(const std::string& id);

}  // namespace brig::runtimes::remote
