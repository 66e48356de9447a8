#pragma once
/// Metrics: Brig's figures for Prometheus, from what happens to sandboxes and from what the server answers.
///
/// Labels are words of ours: routes' names, status classes, statuses of commands, reasons of ends, names of runtimes
/// and templates. docs/operate.md says what to watch.
#include <string>

#include "http/server.h"
#include "sandboxes/sandboxes.h"
#include "telemetry/registry.h"

namespace brig::api::ops {

class Metrics {
 public:
  Metrics();

  void observe(const sandboxes::Happening& happening);
  void observe(const http::Record& record);
  /// With what is so at this moment.
  std::string text(const sandboxes::Sandboxes& sandboxes, const http::ServerFigures& server);

 private:
  telemetry::Registry registry_;
  telemetry::Family<telemetry::Histogram>& create_seconds_;
  telemetry::Family<telemetry::Histogram>& exec_seconds_;
  telemetry::Family<telemetry::Gauge>& sandboxes_;
  telemetry::Family<telemetry::Counter>& ended_;
  telemetry::Family<telemetry::Gauge>& pool_ready_;
  telemetry::Family<telemetry::Gauge>& pool_wanted_;
  telemetry::Family<telemetry::Counter>& pool_hits_;
  telemetry::Family<telemetry::Counter>& pool_misses_;
  telemetry::Family<telemetry::Counter>& pool_failures_;
  telemetry::Family<telemetry::Gauge>& pool_memory_;
  telemetry::Family<telemetry::Gauge>& pool_memory_most_;
  telemetry::Family<telemetry::Counter>& interpreters_;
  telemetry::Family<telemetry::Counter>& requests_;
  telemetry::Family<telemetry::Histogram>& request_seconds_;
  telemetry::Family<telemetry::Gauge>& connections_;
  telemetry::Family<telemetry::Gauge>& requests_running_;
  telemetry::Family<telemetry::Counter>& accepted_;
  telemetry::Family<telemetry::Counter>& refused_;
  telemetry::Family<telemetry::Counter>& accept_failures_;
  telemetry::Family<telemetry::Gauge>& resident_memory_;
  telemetry::Family<telemetry::Gauge>& open_descriptors_;
  telemetry::Family<telemetry::Gauge>& most_descriptors_;
};

}  // namespace brig::api::ops
