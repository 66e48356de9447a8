#pragma once
/// The daemon: one event loop, no privileges. HTTP on one side, sandboxes on the other.
#include <memory>
#include <vector>

#include "base/fd.h"
#include "http/tls.h"
#include "runtime/walls.h"
#include "settings.h"

namespace brig::daemon {

struct Inheritance {
  std::vector<Fd> listeners;              ///< bound, in the order of Settings::listen
  Fd keeper;                              ///< seqpacket: asks for launchers
  runtime::Walls walls;                   ///< made and probed while the privileges were there
  std::shared_ptr<http::TlsContext> tls;  ///< of every TCP listener, or none: its key is read by whoever starts us
  std::string why_no_builder;             ///< why no templates are made over the API here; empty: they are
};

/// Runs until SIGTERM or SIGINT; returns the exit code.
int run_daemon(const Settings& settings, Inheritance inheritance);

}  // namespace brig::daemon
