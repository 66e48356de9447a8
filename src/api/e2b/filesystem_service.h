#pragma once
/// FilesystemService: `filesystem.Filesystem` of E2B's agent: entries, folders, and being told of changes.
#include "api/e2b/guests.h"
#include "api/e2b/watchers.h"
#include "http/router.h"

namespace brig::api::e2b {

/// Both outlive the router.
void add_filesystem_service(http::Router& router, Guests& guests, Watchers& watchers);

}  // namespace brig::api::e2b
