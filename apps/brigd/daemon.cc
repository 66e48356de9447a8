#include "daemon.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "../brig/options.h"
#include "api/common/creation.h"
#include "api/e2b/control.h"
#include "api/e2b/errors.h"
#include "api/e2b/front.h"
#include "api/mcp/mcp.h"
#include "api/ops/ops.h"
#include "api/v1/api.h"
#include "api/v1/build_routes.h"
#include "api/v1/cors.h"
#include "async/run.h"
#include "async/stream.h"
#include "async/task_group.h"
#include "base/log.h"
#include "builds/builds.h"
#include "http/server.h"
#include "keeper.h"
#include "sandboxes/housekeeping.h"
#include "store/secret.h"
#include "store/store.h"
#include "sys/file.h"
#include "sys/kernel.h"
#include "templates.h"

namespace brig::daemon {
namespace {

/// How long running requests may go on after the daemon was told to stop.
constexpr Milliseconds kGrace{3'000};

/// Below which host names mean ports inside.
std::vector<std::string> domains_of(const Settings& settings) {
  std::vector<std::string> domains{settings.domain};
  if (!settings.tls_domain.empty()) domains.push_back(settings.tls_domain.substr(0, settings.tls_domain.find(':')));
  return domains;
}

/// Each client in its own spelling.
http::Reply reply_for(const Error& error, const http::Exchange& exchange) {
  return exchange.route().starts_with(api::e2b::kRoutePrefix) ? api::e2b::reply_for(error, exchange)
                                                              : api::v1::Api::reply_for(error, exchange);
}

class Daemon {
 public:
  Daemon(const Settings& settings, Inheritance inheritance, std::unique_ptr<store::Store> store, Fd spool,
         std::string preview_secret, std::string e2b_secret)
      : settings_(settings), inheritance_(std::move(inheritance)), store_(std::move(store)), spool_(std::move(spool)),
        journal_(*store_, io_.get_executor(), wall_now),
        sandboxes_(with_templates(settings.sandboxes, catalog_), inheritance_.walls, *store_, spool_.ref(),
                   io_.get_executor(), wall_now, [this](const sandboxes::Happening& happening) { note(happening); }),
        snapshots_(store_->folder() + "/snapshots", sandboxes_, *store_, wall_now),
        creation_(sandboxes_, snapshots_, catalog_),
        api_(sandboxes_, snapshots_, creation_, *store_, wall_now,
             {.domain = settings.domain, .signer = api::PreviewSigner(std::move(preview_secret))}),
        lives_(sandboxes_, io_.get_executor(), wall_now),
        guests_(sandboxes_, *store_, lives_, api::e2b::Tokens(std::move(e2b_secret)), wall_now),
        front_(guests_, lives_, domains_of(settings), io_.get_executor()),
        e2b_(sandboxes_, snapshots_, *store_, lives_, guests_, catalog_, settings.domain, settings.tls_domain),
        builds_(settings.builds, builds_place(), catalog_, io_.get_executor(), wall_now,
                [this](const builds::Happening& happening) { note(happening); }),
        build_routes_(builds_, catalog_, *store_, wall_now), cors_(settings.origins),
        mcp_(sandboxes_, creation_, *store_, wall_now, settings.origins, io_.get_executor()),
        ops_(
            sandboxes_, *store_, metrics_, journal_, [this] { return server_.figures(); }, wall_now),
        server_(io_.get_executor(),
                {.limits = {},
                 .handler = [this](http::Exchange& exchange) { return answer(exchange); },
                 .error_mapper = reply_for,
                 .observer = {
                     .on_request = [this](const http::Record& record) { note(record); },
                     .on_failure =
                         [this](const Error& error, const http::Exchange& exchange) {
                           log_.error("request.failed", {{"request_id", exchange.request_id()},
                                                         {"route", exchange.route()},
                                                         {"error", error.message()}});
                         },
                     .on_trouble =
                         [this](const Error& error) { log_.error("server.trouble", {{"error", error.message()}}); }}}),
        tasks_(io_.get_executor()) {}

  Result<> run();

 private:
  Task<> answer(http::Exchange& exchange);
  Task<> serve();
  Result<> make_first_key();
  void note(const sandboxes::Happening& happening);
  void note(const http::Record& record);
  void note(const builds::Happening& happening);
  builds::Builds::Place builds_place();

  const Settings& settings_;
  Inheritance inheritance_;
  asio::io_context io_{1};
  asio::signal_set signals_{io_, SIGTERM, SIGINT};  ///< from before anybody can know that we are there
  Log log_{FdRef(STDERR_FILENO), wall_now, settings_.log_level};
  std::unique_ptr<store::Store> store_;
  Fd spool_;
  image::Catalog catalog_{settings_.templates_dir};
  api::ops::Metrics metrics_;
  api::ops::Journal journal_;
  sandboxes::Sandboxes sandboxes_;
  sandboxes::Snapshots snapshots_;
  api::Creation creation_;
  api::v1::Api api_;
  api::e2b::Lives lives_;
  api::e2b::Guests guests_;
  api::e2b::Front front_;
  api::e2b::Control e2b_;
  builds::Builds builds_;
  api::v1::BuildRoutes build_routes_;
  api::v1::Cors cors_;
  api::mcp::Mcp mcp_;
  api::ops::Ops ops_;
  http::Router router_;
  http::Server server_;
  TaskGroup tasks_;
};

/// By whom a request is for: a sandbox's inside (E2B's ports, then any port), or the API.
Task<> Daemon::answer(http::Exchange& exchange) {
  using api::e2b::Front;
  const bool is_for_guest = front_.is_for_guest(exchange);
  if (!is_for_guest && api_.is_for_port(exchange)) return api_.proxy_host(exchange);
  const bool may_be_a_pages = !is_for_guest || Front::is_for_agent(exchange);
  if (may_be_a_pages && cors_.admit(exchange)) return api::v1::Cors::answer_preflight(exchange);
  return is_for_guest ? front_.handle(exchange) : router_.handle(exchange);
}

void Daemon::note(const sandboxes::Happening& happening) {
  const bool is_trouble = happening.type.ends_with(".failed");
  const Severity severity = is_trouble                     ? Severity::kError
                            : happening.command != nullptr ? Severity::kDebug
                                                           : Severity::kInfo;
  log_.write(severity, happening.type,
             {{"sandbox", happening.spec != nullptr ? std::string_view(happening.spec->id) : std::string_view()},
              {"key", happening.spec != nullptr ? std::string_view(happening.spec->key_id) : happening.key_id},
              {"template", happening.subject},
              {"request_id", happening.request_id},
              {"detail", happening.detail}});
  metrics_.observe(happening);
  const auto noted = journal_.append(happening);
  if (!noted) log_.error("journal.failed", {{"error", noted.error().message()}});
}

void Daemon::note(const builds::Happening& happening) {
  if (happening.type == "template.failed") {
    log_.error("template.failed", {{"error", happening.detail}});
    return;
  }
  note(sandboxes::Happening{
      .type = happening.type, .detail = happening.detail, .key_id = happening.key_id, .subject = happening.name});
}

builds::Builds::Place Daemon::builds_place() {
  builds::Builds::Place place{.connect = {}, .why_not = inheritance_.why_no_builder, .uploads = spool_.ref()};
  if (place.why_not.empty()) place.connect = [this] { return ask_for_builder(inheritance_.keeper.ref()); };
  return place;
}

/// Without the query: it may hold a signature or a path.
void Daemon::note(const http::Record& record) {
  metrics_.observe(record);
  log_.debug("http.request", {{"request_id", record.exchange.request_id()},
                              {"peer", record.exchange.peer().address},
                              {"method", record.exchange.method()},
                              {"route", record.exchange.route()},
                              {"path", record.exchange.target().path},
                              {"status", std::int64_t{record.status}},
                              {"duration_us", std::int64_t{record.duration.count()}},
                              {"bytes_in", static_cast<std::int64_t>(record.bytes_in)},
                              {"bytes_out", static_cast<std::int64_t>(record.bytes_out)}});
}

/// Somebody who starts Brig for the first time needs a key, and can be shown it only now.
Result<> Daemon::make_first_key() {
  if (!TRY(store_->keys().list()).empty()) return {};
  const auto made = TRY(store_->keys().make({.label = "first"}, wall_now()));
  return sys::write_all(
      FdRef(STDOUT_FILENO),
      "The first key, shown this once (brig keys create makes more):\n\n    export BRIG_API_KEY=" + made.text + "\n\n");
}

Result<> Daemon::run() {
  log_.info("daemon.confined", {{"uid", std::int64_t{::geteuid()}}, {"landlock", std::int64_t{sys::landlock_abi()}}});
  const std::size_t lost = TRY(sandboxes_.recover());
  if (lost > 0) log_.warning("daemon.recovered", {{"sandboxes", static_cast<std::int64_t>(lost)}});
  const std::size_t halves = TRY(snapshots_.recover());
  if (halves > 0) log_.warning("snapshots.recovered", {{"removed", static_cast<std::int64_t>(halves)}});
  TRY(make_first_key());
  api_.add_to(router_);
  api_.on_revoked([this](const std::string& key_id) { builds_.cancel_all_of(key_id); });
  build_routes_.add_to(router_);
  e2b_.add_to(router_);
  mcp_.add_to(router_);
  ops_.add_to(router_);
  tasks_.spawn(sandboxes::keep_house(*store_, wall_now, {}, [this](const Error& error) {
    log_.error("housekeeping.failed", {{"error", error.message()}});
  }));
  for (std::size_t i = 0; i < inheritance_.listeners.size(); ++i) {
    const http::Endpoint endpoint =
        settings_.listen[i].is_unix ? settings_.listen[i] : TRY(http::endpoint_of(inheritance_.listeners[i].ref()));
    const auto tls = endpoint.is_unix ? nullptr : inheritance_.tls;
    TRY(server_.listen(std::move(inheritance_.listeners[i]), tls));
    log_.info("daemon.listening", {{"at", http::format(endpoint)}, {"tls", tls != nullptr}});
  }
  return brig::run(io_, serve());
}

Task<> Daemon::serve() {
  using namespace asio::experimental::awaitable_operators;
  // NOLINTNEXTLINE(misc-include-cleaner): as_tuple is not needed, the wait ends with a value or by cancellation
  (void)co_await signals_.async_wait(asio::use_awaitable);
  log_.info("daemon.stopping",
            {{"sandboxes", static_cast<std::int64_t>(sandboxes_.count(sandboxes::State::kRunning))}});
  ops_.stop();
  lives_.stop();
  tasks_.cancel();
  builds_.stop();
  CO_TRY_VOID(co_await server_.stop(kGrace));
  CO_TRY_VOID(co_await sandboxes_.stop());
  CO_TRY_VOID(store_->close());
  log_.info("daemon.stopped");
  co_return Result<>();
}

/// A folder for output that does not fit into memory: files without names, so it is always empty.
Result<Fd> open_spool(const std::string& state_dir) {
  const std::string path = state_dir + "/spool";
  if (::mkdir(path.c_str(), 0700) < 0 && errno != EEXIST) return Error::last_system("make " + path);
  return sys::open(path, O_PATH | O_DIRECTORY);
}

Result<> run_all(const Settings& settings, Inheritance inheritance) {
  auto store = TRY(store::Store::open(settings.state_dir));
  Fd spool = TRY(open_spool(settings.state_dir));
  std::string secret = TRY(store::keep_secret(store->folder(), "preview.secret"));
  std::string e2b_secret = TRY(store::keep_secret(store->folder(), "e2b.secret"));
  return Daemon(settings, std::move(inheritance), std::move(store), std::move(spool), std::move(secret),
                std::move(e2b_secret))
      .run();
}

}  // namespace

int run_daemon(const Settings& settings, Inheritance inheritance) {
  const auto ran = run_all(settings, std::move(inheritance));
  if (ran) return 0;
  cli::complain(ran.error().message());
  return 125;
}

}  // namespace brig::daemon
