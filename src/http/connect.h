#pragma once
/// Connecting a socket. For the client of this room, and for who speaks no proper HTTP on purpose.
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "async/task.h"
#include "base/fd.h"
#include "http/listen.h"

namespace brig::http {

/// What `endpoint` means by its numbers, so that it can be connected to without another look-up: at least one. Blocks.
/// kNotFound for an unknown name.
Result<std::vector<Endpoint>> resolve(const Endpoint& endpoint);

/// A connected, non-blocking socket. A host that is a name is looked up first, which blocks. kUnavailable if nobody
/// answers there, kNotFound for an unknown name, kDenied.
Task<Fd> connect_to(Endpoint endpoint);

}  // namespace brig::http
