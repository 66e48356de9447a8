#pragma once
/// ProcessService: `process.Process` of E2B's agent: commands and terminals.
///
/// A process is a command of the sandbox's (sandboxes/command.h): it needs no listener, and what it prints is kept up
/// to the policy's limits, but who connects later hears only what is new. Its pid is the one that it has inside.
#include "api/e2b/guests.h"
#include "http/router.h"

namespace brig::api::e2b {

/// `guests` outlives the router.
void add_process_service(http::Router& router, Guests& guests);

}  // namespace brig::api::e2b
