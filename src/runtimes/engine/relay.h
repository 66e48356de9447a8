#pragma once
/// Relay: a process that carries the channel of one sandbox between a socket and the engine's attached stream.
///
/// A fork of the keeper, so that the channel flows while the keeper waits for the engine, and so that the frames of a
/// stream, which a sandbox fills, are taken apart where there is nothing else: once attached it gives up files,
/// programs, and every right. It ends with either of its sides, and with the keeper; and with it, since the container
/// has its standard input once, the sandbox.
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "runtimes/engine/place.h"
#include "sys/process.h"

namespace brig::runtimes::engine {

/// When it is attached to the container `id`. `channel` is closed here. Blocks; for a process with one thread.
Result<sys::Child> start_relay(const Place& place, const std::string& id, Fd channel);

}  // namespace brig::runtimes::engine
