#pragma once
/// Control: E2B's control plane on the daemon's own port: sandboxes, snapshots and templates in the paths and words of
/// its published clients. Translation only; docs/compat-e2b.md says what works.
#include <memory>
#include <optional>
#include <string>

#include <boost/json/fwd.hpp>

#include "api/common/caller.h"
#include "api/common/template_choice.h"
#include "api/e2b/guests.h"
#include "api/e2b/query.h"
#include "api/e2b/read.h"
#include "http/router.h"
#include "image/catalog.h"
#include "sandboxes/snapshots.h"

namespace brig::api::e2b {

/// What we say we are: the features of E2B's agent of that version are there, or refused in words.
inline constexpr std::string_view kEnvdVersion = "0.6.4";

class Control {
 public:
  /// References outlive it. Host names are "{port}-{id}.DOMAIN"; `tls_domain` (which may have a port of its own) is
  /// told to clients instead of `domain` if there is one.
  Control(sandboxes::Sandboxes& sandboxes, sandboxes::Snapshots& snapshots, store::Store& store, Lives& lives,
          const Guests& guests, std::optional<image::Catalog> templates, std::string domain, std::string tls_domain)
      : sandboxes_(sandboxes), snapshots_(snapshots), store_(store), lives_(lives), guests_(guests),
        templates_(std::move(templates)), domain_(std::move(domain)), tls_domain_(std::move(tls_domain)) {}
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  void add_to(http::Router& router);

 private:
  struct Found {
    Caller caller;
    std::shared_ptr<sandboxes::Sandbox> sandbox;
  };
  /// By an X-API-Key or a Bearer; counts for the connection.
  Result<Caller> caller(const http::Exchange& exchange);
  Result<Found> find(const http::Exchange& exchange);
  /// How clients learn to reach it.
  [[nodiscard]] boost::json::object access_json(const http::Exchange& exchange, const sandboxes::Sandbox& sandbox);
  [[nodiscard]] boost::json::object listed_json(const sandboxes::Sandbox& sandbox);
  [[nodiscard]] std::string template_of(const sandboxes::Sandbox& sandbox);

  // control.cc
  Task<> create(http::Exchange& exchange, bool is_v2);
  Task<std::shared_ptr<sandboxes::Sandbox>> make(Caller caller, CreateBody wanted, std::string request_id);
  Task<> connect(http::Exchange& exchange);
  Task<> resume(http::Exchange& exchange);
  Task<> get(http::Exchange& exchange);
  Task<> list(http::Exchange& exchange);
  Task<> list_running(http::Exchange& exchange);
  Task<> kill(http::Exchange& exchange);
  Task<> set_timeout(http::Exchange& exchange);
  Task<> refresh(http::Exchange& exchange);
  Task<> pause(http::Exchange& exchange);
  Task<> set_network(http::Exchange& exchange);

  // control_figures.cc
  void add_figure_routes(http::Router& router);
  Task<> metrics(http::Exchange& exchange);
  Task<> metrics_of_many(http::Exchange& exchange);
  Task<> logs(http::Exchange& exchange, bool is_v2);

  // control_snapshots.cc
  void add_snapshot_routes(http::Router& router);
  /// The snapshot that a template id means; nothing if it means none of the caller's.
  [[nodiscard]] Result<std::optional<store::Snapshot>> find_snapshot(const store::Key& key, std::string_view id) const;
  Task<> fork(http::Exchange& exchange);
  Task<> take_snapshot(http::Exchange& exchange);
  Task<> list_snapshots(http::Exchange& exchange);

  // control_templates.cc
  void add_template_routes(http::Router& router);
  [[nodiscard]] Result<image::Manifest> manifest_of(const ChosenTemplate& chosen) const;
  Task<> list_templates(http::Exchange& exchange);
  Task<> get_template(http::Exchange& exchange);
  Task<> find_alias(http::Exchange& exchange);
  Task<> list_tags(http::Exchange& exchange);
  Task<> remove_template(http::Exchange& exchange);
  Task<> refuse(http::Exchange& exchange, std::string_view why);
  Task<> not_there(http::Exchange& exchange, std::string_view what);

  sandboxes::Sandboxes& sandboxes_;
  sandboxes::Snapshots& snapshots_;
  store::Store& store_;
  Lives& lives_;
  const Guests& guests_;
  std::optional<image::Catalog> templates_;  ///< none: there is the host's own only
  std::string domain_;
  std::string tls_domain_;
};

/// The template that E2B's clients mean by this name: one of that name, and the host's for the names of their own.
Result<ChosenTemplate> find_template(const std::optional<image::Catalog>& templates, const store::Key& key,
                                     std::string_view id);

}  // namespace brig::api::e2b
