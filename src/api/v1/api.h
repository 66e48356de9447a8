#pragma once
/// Api: Brig's own HTTP interface below /v1, in the shape of PandaStack's. Translation only: what is asked for happens
/// in sandboxes/. schema/openapi.json describes it; a test holds the two together.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/fwd.hpp>

#include "api/common/caller.h"
#include "api/common/creation.h"
#include "api/common/preview.h"
#include "http/router.h"
#include "sandboxes/sandboxes.h"
#include "sandboxes/snapshots.h"
#include "store/store.h"

namespace brig::api::v1 {

/// How ports inside are reached from outside.
struct Ports {
  std::string domain = "localhost";  ///< host names are "{port}-{id}.DOMAIN"
  PreviewSigner signer;
};

class Api {
 public:
  /// What it is given outlives it.
  Api(sandboxes::Sandboxes& sandboxes, sandboxes::Snapshots& snapshots, Creation& creation, store::Store& store,
      WallClock clock, Ports ports)
      : sandboxes_(sandboxes), snapshots_(snapshots), creation_(creation), store_(store), clock_(std::move(clock)),
        ports_(std::move(ports)) {}
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;

  void add_to(http::Router& router);
  /// Called with the id of each key that is revoked: what it has going on elsewhere ends as well.
  void on_revoked(std::function<void(const std::string& key_id)> call) { on_revoked_ = std::move(call); }

  /// Whether the request's host name means a port of a sandbox. Then it is proxy_host()'s, whatever its path.
  [[nodiscard]] bool is_for_port(const http::Exchange& exchange) const;
  Task<> proxy_host(http::Exchange& exchange);

  /// The reply for what a handler failed with: kDenied of find_caller is 401, a guest's errno its own status.
  static http::Reply reply_for(const Error& error, const http::Exchange& exchange);

 private:
  struct Found {
    Caller caller;
    std::shared_ptr<sandboxes::Sandbox> sandbox;
    sandboxes::Sandbox::Use use;  ///< until the request is over; of find() none
  };
  struct FoundCommand {
    Caller caller;
    std::shared_ptr<sandboxes::Sandbox> sandbox;
    sandboxes::Sandbox::Use use;
    std::shared_ptr<sandboxes::Command> command;
  };
  Result<Caller> caller(const http::Exchange& exchange) { return find_caller(exchange, store_, clock_()); }
  /// The sandbox that `{id}` names, if it is the caller's.
  Result<Found> find(const http::Exchange& exchange);
  /// The same for a request that is a use of it.
  Result<Found> find_to_use(const http::Exchange& exchange);
  Result<FoundCommand> find_command(const http::Exchange& exchange);

  // sandbox_routes.cc
  void add_sandbox_routes(http::Router& router);
  Task<> create(http::Exchange& exchange);
  Task<> create_once(http::Exchange& exchange, Caller caller, std::string body);
  Task<http::Reply> make(Caller caller, std::string body, std::string request_id);
  Task<> list(http::Exchange& exchange);
  Task<> get(http::Exchange& exchange);
  Task<> attestation(http::Exchange& exchange);
  Task<> kill(http::Exchange& exchange);
  Task<> pause(http::Exchange& exchange);
  Task<> resume(http::Exchange& exchange);
  Task<> get_lifecycle(http::Exchange& exchange);
  Task<> set_lifecycle(http::Exchange& exchange);
  Task<> metrics(http::Exchange& exchange);

  // runtime_routes.cc
  void add_runtime_routes(http::Router& router);
  Task<> list_runtimes(http::Exchange& exchange);

  // template_routes.cc
  void add_template_routes(http::Router& router);
  Task<> list_templates(http::Exchange& exchange);
  Task<> get_template(http::Exchange& exchange);
  Task<> template_prompt(http::Exchange& exchange);

  // key_routes.cc
  void add_key_routes(http::Router& router);
  Task<> create_key(http::Exchange& exchange);
  Task<> list_keys(http::Exchange& exchange);
  Task<> revoke_key(http::Exchange& exchange);
  Task<> me(http::Exchange& exchange);

  // command_routes.cc
  void add_command_routes(http::Router& router);
  Task<std::shared_ptr<sandboxes::Command>> start(const Found& found, http::Exchange& exchange, bool& is_background);
  Task<> exec(http::Exchange& exchange);
  Task<> exec_stream(http::Exchange& exchange);
  Task<> list_commands(http::Exchange& exchange);
  Task<> get_command(http::Exchange& exchange);
  Task<> wait_command(http::Exchange& exchange);
  Task<> follow_command(http::Exchange& exchange);
  Task<> read_output(http::Exchange& exchange);
  Task<> signal_command(http::Exchange& exchange);
  Task<> kill_command(http::Exchange& exchange);
  Task<> write_stdin(http::Exchange& exchange);
  Task<> close_stdin(http::Exchange& exchange);
  Task<> resize_command(http::Exchange& exchange);
  Task<> attach(http::Exchange& exchange);
  Task<> logs(http::Exchange& exchange);

  // context_routes.cc
  void add_context_routes(http::Router& router);
  Task<> open_context(http::Exchange& exchange);
  Task<> list_contexts(http::Exchange& exchange);
  Task<> run_cell(http::Exchange& exchange);
  Task<> close_context(http::Exchange& exchange);
  Task<> interrupt_context(http::Exchange& exchange);
  Task<> restart_context(http::Exchange& exchange);

  // channel_routes.cc
  void add_channel_routes(http::Router& router);
  Task<> channel(http::Exchange& exchange);

  // file_routes.cc
  void add_file_routes(http::Router& router);
  Task<> read_file(http::Exchange& exchange);
  Task<> write_file(http::Exchange& exchange);
  Task<> remove_file(http::Exchange& exchange);
  Task<> list_folder(http::Exchange& exchange);
  Task<> stat_file(http::Exchange& exchange);
  Task<> make_folder(http::Exchange& exchange);
  Task<> move_file(http::Exchange& exchange);
  Task<> set_mode(http::Exchange& exchange);

  // folder_routes.cc
  void add_folder_routes(http::Router& router);
  Task<> watch_folder(http::Exchange& exchange);
  Task<> write_tar(http::Exchange& exchange);
  Task<> read_tar(http::Exchange& exchange);

  // port_routes.cc
  /// Who may come to a port.
  struct Admitted {
    std::shared_ptr<sandboxes::Sandbox> sandbox;
    bool is_by_preview = false;
    std::string cookie;  ///< to be set
  };
  void add_port_routes(http::Router& router);
  [[nodiscard]] std::string host_url(const http::Exchange& exchange, const PortName& name) const;
  Task<> list_ports(http::Exchange& exchange);
  Task<> make_preview(http::Exchange& exchange);
  Result<Admitted> admit(const http::Exchange& exchange, const PortName& name, bool is_by_path);
  Task<> proxy(http::Exchange& exchange, PortName name, std::string target, std::string prefix);
  Task<> proxy_path(http::Exchange& exchange);

  // pandastack_routes.cc
  void add_pandastack_routes(http::Router& router);
  Task<> not_yet(http::Exchange& exchange, std::string_view sentence);
  Task<> out_of_scope(http::Exchange& exchange);
  Task<> none_of(http::Exchange& exchange, std::string json);
  Task<> not_there(http::Exchange& exchange, std::string what);
  Task<> hibernate(http::Exchange& exchange);
  Task<> wake(http::Exchange& exchange);
  Task<> wake_up(std::shared_ptr<sandboxes::Sandbox> sandbox);
  [[nodiscard]] bool hibernates(const sandboxes::Sandbox& sandbox) const;
  /// `handler`, after the sandbox it works on was woken if it hibernates.
  Task<> awake(http::Exchange& exchange, Task<> (Api::*handler)(http::Exchange&));
  Task<> follow_logs(http::Exchange& exchange, std::shared_ptr<sandboxes::Sandbox> sandbox, bool wants_out,
                     bool wants_err);
  Task<> list_tokens(http::Exchange& exchange);

  /// to_json(), and "hibernated" if it is that.
  [[nodiscard]] boost::json::object describe(const sandboxes::Sandbox& sandbox) const;

  // snapshot_routes.cc
  void add_snapshot_routes(http::Router& router);
  Task<> take_snapshot(http::Exchange& exchange);
  Task<> list_snapshots(http::Exchange& exchange);
  Task<> get_snapshot(http::Exchange& exchange);
  Task<> remove_snapshot(http::Exchange& exchange);
  Task<> fork(http::Exchange& exchange);
  Task<> fork_tree(http::Exchange& exchange);
  Task<> promote(http::Exchange& exchange);

  sandboxes::Sandboxes& sandboxes_;
  sandboxes::Snapshots& snapshots_;
  Creation& creation_;
  store::Store& store_;
  WallClock clock_;
  Ports ports_;
  std::map<std::string, std::weak_ptr<sandboxes::Sandbox>, std::less<>>
      hibernating_;  ///< by id; woken by their next use
  std::function<void(const std::string& key_id)> on_revoked_;
};

}  // namespace brig::api::v1
