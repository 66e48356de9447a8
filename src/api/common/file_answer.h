#pragma once
/// A file of a sandbox as the answer to a request.
#include <cstdint>
#include <memory>
#include <string>

#include "base/paths.h"
#include "base/units.h"
#include "http/exchange.h"
#include "sandboxes/sandbox.h"

namespace brig::api {

/// The regular file `path`, which is said to be of `size`, or the range of it that the request asks for. In pieces, so
/// that a file of any size costs one piece of memory. What ends within the first piece is sent as it is, whatever its
/// size is said to be: the files of /proc say 0, those of /sys more than they have. A larger one that shrinks meanwhile
/// cuts the answer.
Task<> send_file(http::Exchange& exchange, std::shared_ptr<sandboxes::Sandbox> sandbox, GuestPath path, Bytes size);

/// Up to `most` bytes of a file from `at` on: fewer only if it ends there.
Task<std::string> read_piece(std::shared_ptr<sandboxes::Sandbox> sandbox, GuestPath path, std::uint64_t at,
                             std::uint64_t most);

}  // namespace brig::api
