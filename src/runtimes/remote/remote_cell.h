#pragma once
/// RemoteCell: a sandbox that lives on another machine.
///
/// It hangs on its channel: when that is closed, by whoever's death, the sandbox ends; what happens if a machine is cut
/// off is the far end's, and the lifetime holds whatever happens. What the other side says of it is believed as its
/// word, and labelled so.
#include <memory>

#include "runtime/runtime.h"
#include "runtimes/remote/far_end.h"
#include "runtimes/remote/relay.h"

namespace brig::runtimes::remote {

struct RemoteCellParts {
  std::unique_ptr<FarEnd> far;
  Relay relay;
  runtime::Attestation attestation;
};

std::unique_ptr<runtime::Cell> make_remote_cell(RemoteCellParts parts, const asio::any_io_executor& executor);

}  // namespace brig::runtimes::remote
