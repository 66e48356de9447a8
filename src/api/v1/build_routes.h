#pragma once
/// BuildRoutes: templates that clients have made: uploads, builds, their logs, removal. Translation only: what is asked
/// for happens in builds/.
#include <string>

#include "api/common/caller.h"
#include "api/common/template_choice.h"
#include "builds/builds.h"
#include "http/multipart.h"
#include "http/router.h"
#include "image/catalog.h"
#include "store/store.h"

namespace brig::api::v1 {

class BuildRoutes {
 public:
  /// What it is given outlives it.
  BuildRoutes(builds::Builds& builds, const image::Catalog& catalog, store::Store& store, WallClock clock)
      : builds_(builds), catalog_(catalog), store_(store), clock_(std::move(clock)) {}
  BuildRoutes(const BuildRoutes&) = delete;
  BuildRoutes& operator=(const BuildRoutes&) = delete;

  void add_to(http::Router& router);

 private:
  Result<Caller> caller(const http::Exchange& exchange) { return find_caller(exchange, store_, clock_()); }
  Result<std::shared_ptr<builds::Build>> find(const http::Exchange& exchange);
  Task<> build(http::Exchange& exchange);
  Task<> import(http::Exchange& exchange);
  Task<> list(http::Exchange& exchange);
  Task<> get(http::Exchange& exchange);
  Task<> logs(http::Exchange& exchange);
  Task<> follow(http::Exchange& exchange, std::shared_ptr<builds::Build> build);
  Task<> cancel(http::Exchange& exchange);
  Task<> remove(http::Exchange& exchange);

  builds::Builds& builds_;
  const image::Catalog& catalog_;
  store::Store& store_;
  WallClock clock_;
};

}  // namespace brig::api::v1
