#include "api/ops/metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <filesystem>

#include "sys/file.h"

namespace brig::api::ops {
namespace {

using sandboxes::State;

constexpr std::array<std::string_view, 3> kCreateLabels{"runtime", "template", "mode"};
constexpr std::array<std::string_view, 3> kExecLabels{"runtime", "template", "status"};
constexpr std::array<std::string_view, 1> kWay{"way"};
constexpr std::array<std::string_view, 2> kPoolLabels{"runtime", "template"};
constexpr std::array<std::string_view, 1> kState{"state"};
constexpr std::array<std::string_view, 1> kReason{"reason"};
constexpr std::array<std::string_view, 2> kRequestLabels{"route", "status"};
constexpr std::array<std::string_view, 1> kRoute{"route"};

double seconds_of(std::chrono::microseconds duration) { return static_cast<double>(duration.count()) / 1e6; }

/// "2xx"; "cut" for a request that got no answer.
std::string_view class_of(int status) {
  static constexpr std::array<std::string_view, 6> kClasses{"cut", "1xx", "2xx", "3xx", "4xx", "5xx"};
  const auto index = static_cast<std::size_t>(status / 100);
  return kClasses[index < kClasses.size() ? index : 5];
}

double resident_memory() {
  const auto text = sys::read_file("/proc/self/statm", 256);
  if (!text) return 0;
  const std::size_t second = text->find(' ') + 1;
  std::uint64_t pages = 0;
  std::from_chars(text->data() + second, text->data() + text->size(), pages);
  return static_cast<double>(pages) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double open_descriptors() {
  std::error_code error;
  double count = -1;  // the one that reads the folder
  for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; !error && at != end; at.increment(error))
    ++count;
  return error ? 0 : count;
}

double most_descriptors() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<double>(limit.rlim_cur) : 0;
}

}  // namespace

Metrics::Metrics()
    : create_seconds_(
          registry_.histograms("brig_create_seconds", "Making a sandbox, from its admission on.", kCreateLabels)),
      exec_seconds_(registry_.histograms("brig_exec_seconds", "Commands, from their start to their end.", kExecLabels)),
      sandboxes_(registry_.gauges("brig_sandboxes", "Sandboxes by state.", kState)),
      ended_(registry_.counters("brig_ended_total", "Ends of sandboxes by reason.", kReason)),
      pool_ready_(registry_.gauges("brig_pool_ready", "Prepared sandboxes that wait for somebody.", kPoolLabels)),
      pool_wanted_(registry_.gauges("brig_pool_wanted", "Prepared sandboxes that there should be.", kPoolLabels)),
      pool_hits_(registry_.counters("brig_pool_hits_total", "Sandboxes that came from the pool.", kPoolLabels)),
      pool_misses_(registry_.counters("brig_pool_misses_total", "Sandboxes for which the pool had none that fits.",
                                      kPoolLabels)),
      pool_failures_(
          registry_.counters("brig_pool_failures_total", "Sandboxes that could not be prepared.", kPoolLabels)),
      pool_memory_(registry_.gauges("brig_pool_memory_bytes", "Memory that prepared sandboxes take.", kPoolLabels)),
      pool_memory_most_(registry_.gauges("brig_pool_memory_most_bytes", "Memory that all prepared ones may take.")),
      interpreters_(registry_.counters("brig_interpreters_total",
                                       "Interpreters of contexts: forked, cold, or cold where forking failed.", kWay)),
      requests_(registry_.counters("brig_http_requests_total", "Requests by route and class of the answer's status.",
                                   kRequestLabels)),
      request_seconds_(
          registry_.histograms("brig_http_seconds", "Requests from their head to the end of the answer.", kRoute)),
      connections_(registry_.gauges("brig_http_connections", "Connections that are open.")),
      requests_running_(registry_.gauges("brig_http_requests_running", "Requests that are being answered.")),
      accepted_(registry_.counters("brig_http_accepted_total", "Connections that were accepted.")),
      refused_(registry_.counters("brig_http_refused_total", "Connections beyond as many as there may be.")),
      accept_failures_(registry_.counters("brig_http_accept_failures_total",
                                          "Connections that failed for want of descriptors or memory.")),
      resident_memory_(registry_.gauges("process_resident_memory_bytes", "Resident memory of the daemon.")),
      open_descriptors_(registry_.gauges("process_open_fds", "Open descriptors of the daemon.")),
      most_descriptors_(registry_.gauges("process_max_fds", "Descriptors that the daemon may have open.")) {}

void Metrics::observe(const sandboxes::Happening& happening) {
  if (happening.spec == nullptr) return;
  const std::string& template_name = happening.spec->template_name;
  if (happening.type == "sandbox.created" && happening.duration) {
    create_seconds_.with({happening.runtime, template_name, happening.detail}).observe(seconds_of(*happening.duration));
  } else if (happening.type == "command.ended" && happening.duration) {
    exec_seconds_.with({happening.runtime, template_name, happening.detail}).observe(seconds_of(*happening.duration));
  } else if (happening.type == "sandbox.ended") {
    ended_.with({happening.detail}).add();
  }
}

void Metrics::observe(const http::Record& record) {
  const std::string_view route = record.exchange.route().empty() ? "none" : record.exchange.route();
  requests_.with({route, class_of(record.status)}).add();
  request_seconds_.with({route}).observe(seconds_of(record.duration));
}

std::string Metrics::text(const sandboxes::Sandboxes& sandboxes, const http::ServerFigures& server) {
  sandboxes_.with({"creating"}).set(static_cast<double>(sandboxes.creating()));
  sandboxes_.with({"running"}).set(static_cast<double>(sandboxes.count(State::kRunning)));
  sandboxes_.with({"paused"}).set(static_cast<double>(sandboxes.count(State::kPaused)));
  sandboxes_.with({"ending"}).set(static_cast<double>(sandboxes.count(State::kEnded)));
  for (const sandboxes::PoolFigures& pool : sandboxes.pools().figures()) {
    pool_ready_.with({pool.runtime, pool.template_name}).set(static_cast<double>(pool.ready));
    pool_wanted_.with({pool.runtime, pool.template_name}).set(static_cast<double>(pool.wanted));
    pool_hits_.with({pool.runtime, pool.template_name}).set(pool.hits);
    pool_misses_.with({pool.runtime, pool.template_name}).set(pool.misses);
    pool_failures_.with({pool.runtime, pool.template_name}).set(pool.failures);
    pool_memory_.with({pool.runtime, pool.template_name}).set(static_cast<double>(pool.memory.count));
  }
  pool_memory_most_.with().set(static_cast<double>(sandboxes.pools().limits().memory.count));
  const sandboxes::InterpreterStarts& starts = sandboxes.interpreter_starts();
  interpreters_.with({"forked"}).set(starts.forked);
  interpreters_.with({"cold"}).set(starts.cold);
  interpreters_.with({"fallback"}).set(starts.fallback);
  connections_.with().set(static_cast<double>(server.connections));
  requests_running_.with().set(static_cast<double>(server.requests_running));
  accepted_.with().set(server.accepted);
  refused_.with().set(server.refused_connections);
  accept_failures_.with().set(server.accept_failures);
  resident_memory_.with().set(resident_memory());
  open_descriptors_.with().set(open_descriptors());
  most_descriptors_.with().set(most_descriptors());
  return registry_.text();
}

}  // namespace brig::api::ops
