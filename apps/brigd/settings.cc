#include "settings.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "../brig/options.h"
#include "../brig/runtimes.h"
#include "../brig/state_dir.h"
#include "../brig/templates_dir.h"
#include "api/common/creation.h"
#include "api/common/preview.h"
#include "api/v1/cors.h"
#include "base/number.h"
#include "base/text.h"
#include "image/catalog.h"
#include "image/everybodys.h"
#include "image/own_name.h"
#include "policy/parse.h"
#include "runtime/walls.h"
#include "runtimes/oci/oci_runtime.h"
#include "sys/file.h"

namespace brig::daemon {
namespace {

constexpr std::size_t kPolicyMax = std::size_t{256} << 10;
constexpr std::string_view kDefaultListen = "127.0.0.1:2744";
/// Of the machine's memory, what is promised to sandboxes at most, in percent.
constexpr std::uint64_t kMemoryShare = 80;
/// And what prepared sandboxes take at most: that many percent, and never more than this.
constexpr std::uint64_t kPoolShare = 5;
constexpr Bytes kPoolMost = mebibytes(512);

struct Flags {
  std::vector<std::string> listen;
  std::optional<std::string> state_dir;
  std::optional<std::string> templates_dir;
  std::optional<std::string> user;
  std::optional<std::string> tls_certificate;
  std::optional<std::string> tls_key;
  bool may_listen_without_tls = false;
  bool ends_with_parent = false;
  bool has_temporary_state = false;
  std::optional<std::string> domain;
  std::optional<std::string> tls_domain;
  std::vector<std::string> origins;
  std::optional<std::string> policy;
  std::optional<std::string> sandboxes;
  std::vector<std::string> pool;
  std::optional<std::string> pool_memory;
  std::vector<std::string> warm;
  std::optional<std::string> warm_least;
  std::optional<std::string> runtime;
  std::optional<std::string> memory;
  std::optional<std::string> spool;
  std::optional<std::string> ttl;
  std::optional<std::string> ttl_most;
  std::optional<std::string> builds;
  std::optional<std::string> upload;
  std::optional<std::string> build_time;
  std::optional<std::string> templates_each;
  std::optional<std::string> template_room;
  std::optional<std::string> log_level;
};

Bytes memory_of_host() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long size = ::sysconf(_SC_PAGESIZE);
  if (pages <= 0 || size <= 0) return {};
  return {static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(size) / 100 * kMemoryShare};
}

Result<std::size_t> count(const std::string& text, std::size_t least, std::size_t most) {
  const auto value = whole_number<std::size_t>(text);
  if (value && *value >= least && *value <= most) return *value;
  return Error(Code::kInvalidArgument, "\"" + printable(text, 40) + "\" is not a number from " + std::to_string(least) +
                                           " to " + std::to_string(most));
}

/// Before anything is served: whoever asks for no wall would find out later, each time.
Result<> check_wall(const std::string& name) {
  if (std::ranges::find(cli::kElsewhere, name) != cli::kElsewhere.end()) {
    return Error(Code::kInvalidArgument,
                 "the daemon makes no sandboxes behind " + name + ": that is for brig run --runtime " + name);
  }
  const runtime::Walls walls(
      runtimes::oci::launched_walls([] { return Result<runtimes::process::LauncherOptions>({}); }));
  if (name == policy::kStrongest || name == policy::kFastest) return {};
  const std::vector<std::string> names = walls.names();
  if (std::ranges::find(names, name) != names.end()) return {};
  std::vector<std::string_view> known(names.begin(), names.end());
  known.push_back(policy::kStrongest);
  known.push_back(policy::kFastest);
  std::string all;
  for (const std::string& one : names) all += (all.empty() ? "" : ", ") + one;
  return Error(Code::kInvalidArgument, "unknown runtime \"" + printable(name, 40) + "\"" + did_you_mean(name, known) +
                                           ": the daemon has " + all + "; and auto and fastest, which choose");
}

/// "4", or "TEMPLATE=4".
Result<> read_pool(const std::string& text, sandboxes::PoolLimits& pool) {
  const std::size_t split = text.find('=');
  if (split == std::string::npos) {
    pool.size = TRY(count(text, 0, 1000));
    return {};
  }
  const std::string name = text.substr(0, split);
  if (name.empty() || name.size() > 128)
    return Error(Code::kInvalidArgument, "\"" + printable(text, 40) + "\" is neither N nor TEMPLATE=N");
  pool.templates[name] = TRY(count(text.substr(split + 1), 0, 1000));
  return {};
}

Result<> read_pools(const Flags& flags, sandboxes::PoolLimits& pool) {
  for (const std::string& text : flags.pool) TRY(read_pool(text, pool).context("--pool"));
  for (const std::string& name : flags.warm) {
    if (name.empty() || name.size() > 128)
      return Error(Code::kInvalidArgument, "--warm: \"" + printable(name, 40) + "\" is no template's name");
    pool.warm.insert(name);
  }
  pool.memory.count = std::min(memory_of_host().count / kMemoryShare * kPoolShare, kPoolMost.count);
  if (flags.pool_memory) pool.memory = TRY(parse_bytes(*flags.pool_memory).context("--pool-memory"));
  return {};
}

/// A template that is not there would be missed at the first look at the pool, and every few seconds from then on.
Result<> check_pools(const sandboxes::PoolLimits& pool, const HostPath& templates) {
  for (const auto& [name, size] : pool.templates) {
    if (name == image::kHostName || size == 0) continue;
    if (auto found = image::find_everybodys(image::Catalog(templates), name); !found)
      return std::move(found).error().context("--pool");
  }
  return {};
}

Result<> read_policy(const Flags& flags, sandboxes::Options& options) {
  if (!flags.policy) return {};
  const std::string text = TRY(sys::read_file(*flags.policy, kPolicyMax).context("--policy"));
  options.defaults = TRY(policy::parse_policy(text, *flags.policy));
  if (options.defaults.limits.output > api::kOutputMost)
    return Error(Code::kInvalidArgument, "--policy: limits.output may be at most " + format(api::kOutputMost));
  if (!options.defaults.mounts.empty())
    return Error(Code::kInvalidArgument, "--policy: a daemon's policy may not show files of the host to every sandbox");
  return {};
}

Result<> read_limits(const Flags& flags, sandboxes::Options& options) {
  options.capacity.memory = memory_of_host();
  // Making one is work for the kernel, which more at once only hinder each other at.
  options.capacity.creations = static_cast<std::size_t>(std::max(4L, 2 * ::sysconf(_SC_NPROCESSORS_ONLN)));
  if (flags.sandboxes) options.capacity.sandboxes = TRY(count(*flags.sandboxes, 1, 100'000).context("--sandboxes"));
  TRY(read_pools(flags, options.capacity.pool));
  if (flags.warm_least) options.warm_least = TRY(parse_bytes(*flags.warm_least).context("--warm-least"));
  if (flags.memory) options.capacity.memory = TRY(parse_bytes(*flags.memory).context("--memory-in-all"));
  if (flags.spool) options.spool.most = TRY(parse_bytes(*flags.spool).context("--spool"));
  if (flags.ttl) options.lifespan.ttl = TRY(parse_duration(*flags.ttl).context("--ttl"));
  if (flags.ttl_most) {
    options.ttl_most = TRY(parse_duration(*flags.ttl_most).context("--ttl-most"));
    options.may_persist = false;
  }
  if (options.lifespan.ttl > options.ttl_most) return Error(Code::kInvalidArgument, "--ttl is more than --ttl-most");
  TRY(read_policy(flags, options));
  TRY(check_wall(options.defaults.runtime).context("--policy"));
  if (!flags.runtime) return {};
  TRY(check_wall(*flags.runtime).context("--runtime"));
  options.defaults.runtime = *flags.runtime;
  return {};
}

Result<> read_builds(const Flags& flags, builds::Limits& limits) {
  if (flags.builds) limits.at_once = TRY(count(*flags.builds, 0, 64).context("--template-builds"));
  if (flags.upload) limits.upload = TRY(parse_bytes(*flags.upload).context("--template-upload"));
  if (flags.build_time) limits.time = TRY(parse_duration(*flags.build_time).context("--template-time"));
  if (flags.templates_each)
    limits.templates_of_key = TRY(count(*flags.templates_each, 0, 10'000).context("--templates-each"));
  if (flags.template_room) limits.bytes_of_key = TRY(parse_bytes(*flags.template_room).context("--template-room"));
  return {};
}

Result<Severity> read_level(const std::string& text) {
  for (const Severity level : {Severity::kDebug, Severity::kInfo, Severity::kWarning, Severity::kError}) {
    if (to_string(level) == text) return level;
  }
  return Error(Code::kInvalidArgument, "debug, info, warning or error is expected");
}

Result<> read_endpoints(const Flags& flags, Settings& settings) {
  std::vector<std::string> texts = flags.listen;
  if (texts.empty()) texts.emplace_back(kDefaultListen);
  const bool has_tls = !settings.tls_certificate.empty();
  for (const std::string& text : texts) {
    settings.listen.push_back(TRY(http::parse_endpoint(text).context("--listen")));
    if (settings.listen.back().is_local() || has_tls || settings.may_listen_without_tls) continue;
    return Error(Code::kInvalidArgument,
                 "--listen " + printable(text) +
                     " can be reached from other machines, and without TLS everybody on the way reads the keys: give "
                     "--tls-cert and --tls-key, or --danger-listen-without-tls if something in front of it speaks TLS");
  }
  settings.listen.push_back({.is_unix = true, .host = {}, .port = 0, .path = settings.state_dir + "/brigd.sock"});
  return {};
}

Result<std::string> check_domain(const std::string& text) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789-.";
  if (!text.empty() && text.size() <= 200 && text.find_first_not_of(kLetters) == std::string::npos &&
      text.front() != '.' && text.back() != '.')
    return text;
  return Error(Code::kInvalidArgument, "\"" + printable(text, 200) + "\" is no domain name in small letters");
}

/// "sandboxes.example.com", or with a port behind it.
Result<std::string> check_tls_domain(const std::string& text) {
  const auto colon = text.find(':');
  TRY(check_domain(text.substr(0, colon)));
  if (colon == std::string::npos || api::parse_port(std::string_view(text).substr(colon + 1))) return text;
  return Error(Code::kInvalidArgument, "\"" + printable(text, 200) + "\" has no port from 1 to 65535");
}

/// Where `brig template` keeps them. A user without a HOME has none, and no image could be mounted for them either.
Result<HostPath> templates_dir(const Flags& flags, const std::string& state_dir) {
  auto folder = cli::templates_folder(flags.templates_dir);
  if (folder || flags.templates_dir) return folder;
  return HostPath::parse(state_dir + "/templates");
}

Result<Settings> check(const Flags& flags) {
  Settings settings{.templates_dir = *HostPath::parse("/")};
  settings.state_dir = flags.state_dir.value_or(cli::default_state_dir());
  if (settings.state_dir.empty())
    return Error(Code::kInvalidArgument, "--state-dir: there is no HOME to keep the state below; say where");
  if (settings.state_dir.front() != '/') {
    char* here = ::getcwd(nullptr, 0);
    if (here == nullptr) return Error::last_system("find the current folder");
    settings.state_dir = std::string(here) + "/" + settings.state_dir;
    std::free(here);
  }
  settings.templates_dir = TRY(templates_dir(flags, settings.state_dir));
  settings.user = flags.user.value_or("");
  settings.tls_certificate = flags.tls_certificate.value_or("");
  settings.tls_key = flags.tls_key.value_or("");
  settings.may_listen_without_tls = flags.may_listen_without_tls;
  settings.ends_with_parent = flags.ends_with_parent;
  settings.has_temporary_state = flags.has_temporary_state;
  if (settings.tls_certificate.empty() != settings.tls_key.empty())
    return Error(Code::kInvalidArgument, "--tls-cert and --tls-key belong together");
  if (flags.domain) settings.domain = TRY(check_domain(*flags.domain).context("--domain"));
  if (flags.tls_domain) settings.tls_domain = TRY(check_tls_domain(*flags.tls_domain).context("--tls-domain"));
  for (const std::string& origin : flags.origins)
    settings.origins.push_back(TRY(api::v1::check_origin(origin).context("--allow-origin")));
  if (flags.log_level) settings.log_level = TRY(read_level(*flags.log_level).context("--log-level"));
  TRY(read_endpoints(flags, settings));
  TRY(read_limits(flags, settings.sandboxes));
  TRY(check_pools(settings.sandboxes.capacity.pool, settings.templates_dir));
  TRY(read_builds(flags, settings.builds));
  return settings;
}

}  // namespace

std::expected<Settings, int> read_settings(const std::vector<std::string>& arguments) {
  Flags flags;
  cli::Options options("serve [flags]", "Serves sandboxes over HTTP. docs/operate.md says how to run it for good.");
  options.option("--listen", flags.listen, "HOST:PORT|unix:PATH",
                 "where (default 127.0.0.1:2744); more than once; always also a Unix socket in the state folder");
  options.option("--state-dir", flags.state_dir, "DIR", "everything it keeps (default /var/lib/brig, or XDG state)");
  options.option("--user", flags.user, "NAME", "whom to become when started as root (default: an unused id)");
  options.option("--tls-cert", flags.tls_certificate, "FILE", "certificate chain, PEM: speak TLS on every TCP port");
  options.option("--tls-key", flags.tls_key, "FILE", "its private key, PEM");
  options.flag("--danger-listen-without-tls", flags.may_listen_without_tls,
               "let other machines connect although keys and contents can be read on the way");
  options.option("--domain", flags.domain, "NAME",
                 "ports inside are served at {port}-{id}.NAME (default localhost; docs/ports.md)");
  options.option("--tls-domain", flags.tls_domain, "NAME[:PORT]",
                 "the same with TLS, of --tls-cert or of what stands in front: what E2B's clients are told "
                 "(docs/e2b.md)");
  options.option("--allow-origin", flags.origins, "ORIGIN",
                 "web pages that may use the API in a browser, as https://app.example.com; more than once (default "
                 "none; docs/operate.md)");
  options.option("--templates-dir", flags.templates_dir, "DIR",
                 "where brig template keeps what sandboxes can be made from (default /var/lib/brig-templates)");
  options.option("--policy", flags.policy, "FILE", "the policy of a sandbox that asks for nothing (docs/policy.md)");
  options.option("--sandboxes", flags.sandboxes, "N", "how many at once (default 1000)");
  options.option("--memory-in-all", flags.memory, "SIZE",
                 "memory promised to all sandboxes together (default 80% of the machine's)");
  options.option("--runtime", flags.runtime, "NAME",
                 "the wall of a sandbox that asks for none: a name, auto (the strongest that works), or fastest (the "
                 "default: the fastest that is good enough)");
  options.option("--pool", flags.pool, "N",
                 "sandboxes of each kind kept ready before anybody asks (default 4); TEMPLATE=N for one template, more "
                 "than once");
  options.option("--pool-memory", flags.pool_memory, "SIZE",
                 "memory of all that are kept ready (default 5% of the machine's, at most 512M)");
  options.option("--warm", flags.warm, "TEMPLATE",
                 "keep Python with its usual libraries imported in the sandboxes of this template that are kept ready: "
                 "some 70 MB each, for contexts within milliseconds; more than once (docs/service.md)");
  options.option("--warm-least", flags.warm_least, "SIZE",
                 "memory from which on any sandbox does so behind its first Python context (default 512M; 0: none)");
  options.option("--spool", flags.spool, "SIZE",
                 "disk for what the commands of one sandbox print (default 2G); what is beyond it is dropped and said");
  options.option("--ttl", flags.ttl, "TIME", "of a sandbox that asks for none (default 1h)");
  options.option("--ttl-most", flags.ttl_most, "TIME",
                 "the longest that may be asked for (default 24h); given, nothing is persistent");
  options.option(
      "--template-builds", flags.builds, "N",
      "templates made at once over the API, for keys that may (default 1; 0: none, and no process that could)");
  options.option("--template-upload", flags.upload, "SIZE", "what may be uploaded for one template (default 2G)");
  options.option("--template-time", flags.build_time, "TIME", "how long making one may take (default 30m)");
  options.option("--templates-each", flags.templates_each, "N", "templates that a key may have (default 20)");
  options.option("--template-room", flags.template_room, "SIZE", "and their size together (default 20G)");
  options.flag("--end-with-parent", flags.ends_with_parent,
               "stop when whoever started it is gone, however that ends (brig mcp starts one like that)");
  options.flag("--temporary-state", flags.has_temporary_state,
               "remove the state folder, which must not exist or be empty, when it has stopped as it should");
  options.option("--log-level", flags.log_level, "LEVEL",
                 "debug (also every request), info, warning or error (default info)");
  if (const auto code = options.parse(arguments)) return std::unexpected(*code);
  auto settings = check(flags);
  if (settings) return *std::move(settings);
  return std::unexpected(cli::usage_error(settings.error().message()));
}

}  // namespace brig::daemon
