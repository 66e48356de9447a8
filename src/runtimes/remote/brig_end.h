#pragma once
/// The far end of a sandbox in another Brig: its paths below /v1/sandboxes/ID.
#include <memory>
#include <string>

#include "runtimes/remote/far_end.h"
#include "runtimes/remote/server.h"

namespace brig::runtimes::remote {

std::unique_ptr<FarEnd> make_brig_end(std::unique_ptr<Server> server, const std::string& id);

/// "/v1/sandboxes/ID"
std::string sandbox_path(const std::string& id);

}  // namespace brig::runtimes::remote
