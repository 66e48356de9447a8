#pragma once
/// Ops: what operators and their machines ask: is it well, what are its figures, what happens, what can be asked.
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "api/ops/journal.h"
#include "api/ops/metrics.h"
#include "http/router.h"
#include "runtime/walls.h"
#include "sandboxes/sandboxes.h"
#include "store/store.h"

namespace brig::api::ops {

/// schema/openapi.json, as it is served.
std::string_view openapi();

class Ops {
 public:
  using ServerFigures = std::function<http::ServerFigures()>;

  /// What it is given outlives it.
  Ops(sandboxes::Sandboxes& sandboxes, store::Store& store, Metrics& metrics, Journal& journal, ServerFigures server,
      WallClock clock)
      : sandboxes_(sandboxes), store_(store), metrics_(metrics), journal_(journal), server_(std::move(server)),
        clock_(std::move(clock)) {}
  Ops(const Ops&) = delete;
  Ops& operator=(const Ops&) = delete;

  void add_to(http::Router& router);
  /// From now on it is not well, and nobody follows events.
  void stop();

 private:
  /// Why nothing can be made here at this moment; none if all is well. Asked of store and walls at most once in a
  /// second, because anybody may ask us.
  struct Illness {
    std::string_view reason;  ///< "stopping", "store_not_writable", "no_launcher"
    std::string_view sentence;
  };
  std::optional<Illness> illness();

  Task<> health(http::Exchange& exchange);
  Task<> metrics(http::Exchange& exchange);
  Task<> events(http::Exchange& exchange);
  static Task<> description(http::Exchange& exchange);

  sandboxes::Sandboxes& sandboxes_;
  store::Store& store_;
  Metrics& metrics_;
  Journal& journal_;
  ServerFigures server_;
  WallClock clock_;
  bool is_stopping_ = false;
  std::optional<Illness> last_;
  std::optional<std::chrono::steady_clock::time_point> looked_at_;
};

/// Whether the request comes from this machine, and nothing says that it was passed on for another.
bool is_from_here(const http::Exchange& exchange);

}  // namespace brig::api::ops
