/// What a sandbox uses, and what its commands printed.
#include <algorithm>
#include <span>
#include <sstream>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/value.hpp>

#include "api/common/query.h"
#include "api/e2b/control.h"
#include "api/e2b/log_lines.h"
#include "base/number.h"
#include "base/text.h"
#include "json/json.h"
#include "policy/processors.h"

namespace brig::api::e2b {
namespace {

namespace bj = boost::json;

constexpr std::size_t kSamplesMost = 100;  ///< kept of one sandbox
constexpr std::size_t kManyMost = 100;     ///< sandboxes in one question
constexpr std::size_t kLinesUsual = 1000;

/// Measures, and remembers it if the last one is old enough. Nothing for one that cannot be measured now.
Task<std::optional<Sample>> measure(std::shared_ptr<sandboxes::Sandbox> sandbox, Lives& lives, WallTime now) {
  const auto report = co_await sandbox->stats();
  if (!report) co_return std::optional<Sample>();
  Sample sample{.at = now, .cpu = report->usage.cpu, .memory = report->memory};
  const Life* life = lives.find(sandbox->spec().id);
  const bool has_before = life != nullptr && !life->samples.empty();
  const Milliseconds passed = has_before ? now - life->samples.back().at : report->usage.wall;
  const Milliseconds used = has_before ? sample.cpu - life->samples.back().cpu : sample.cpu;
  const double processors = std::max(1U, sandbox->spec().policy.limits.cpu_millis) / 1000.0;
  if (passed.count() > 0 && used.count() > 0)
    sample.cpu_percent = 100.0 * static_cast<double>(used.count()) / static_cast<double>(passed.count()) / processors;
  co_return sample;
}

bj::object sample_json(const Sample& sample, const policy::Limits& limits) {
  return {{"timestamp", format(sample.at)},
          {"timestampUnix", milliseconds_since_1970(sample.at) / 1000},
          {"cpuCount", policy::processors_of(limits)},
          {"cpuUsedPct", sample.cpu_percent},
          {"memUsed", sample.memory.count},
          {"memTotal", limits.memory.count},
          {"memCache", 0},
          {"diskUsed", 0},  // only the guest could say, and it is not asked
          {"diskTotal", limits.disk.count}};
}

/// A new sample among those that were taken before.
Task<> take_sample(std::shared_ptr<sandboxes::Sandbox> sandbox, Lives& lives, WallTime now) {
  CO_TRY(const auto sample, co_await measure(sandbox, lives, now));
  Life* life = lives.find(sandbox->spec().id);
  if (!sample || life == nullptr) co_return Result<>();
  constexpr Milliseconds kSoonest{1000};
  if (!life->samples.empty() && sample->at - life->samples.back().at < kSoonest) co_return Result<>();
  life->samples.push_back(*sample);
  if (life->samples.size() > kSamplesMost) life->samples.pop_front();
  co_return Result<>();
}

struct Line {
  WallTime at;
  std::string text;
  bool is_error = false;
  std::string command;
};

/// Of what commands printed, in one answer: what is before is not looked at.
constexpr std::uint64_t kLookedAtMost = std::uint64_t{4} << 20;

/// The end of a log, of at most `most` bytes.
Result<std::string> end_of(const sandboxes::OutputLog& log, std::uint64_t most) {
  std::string text(std::min(log.kept(), most), '\0');
  const std::uint64_t begin = log.kept() - text.size();
  std::size_t filled = 0;
  while (filled < text.size()) {
    const std::size_t count = TRY(log.read(begin + filled, std::as_writable_bytes(std::span(text).subspan(filled))));
    if (count == 0) break;
    filled += count;
  }
  text.resize(filled);
  return text;
}

/// Gathers lines from the newest on, until there are enough of them or enough was looked at.
class Gathering {
 public:
  Gathering(std::size_t most, std::string search) : most_(most), search_(std::move(search)) {}
  [[nodiscard]] bool is_enough() const { return lines_.size() >= most_ || left_ == 0; }
  Result<> add(const sandboxes::Command& command, bool is_error) {
    if (is_enough()) return {};
    const std::string text = TRY(end_of(is_error ? command.err() : command.out(), left_));
    left_ -= text.size();
    for (const std::string_view line : newest_lines(text, most_ - lines_.size(), search_))
      lines_.push_back(
          {.at = command.started_at(), .text = std::string(line), .is_error = is_error, .command = command.id()});
    return {};
  }
  /// From the newest to the oldest.
  [[nodiscard]] std::vector<Line> take() && { return std::move(lines_); }

 private:
  std::size_t most_;
  std::string search_;
  std::uint64_t left_ = kLookedAtMost;
  std::vector<Line> lines_;
};

}  // namespace

void Control::add_figure_routes(http::Router& router) {
  router.add("GET /sandboxes/metrics", "e2b_metrics_many", [this](http::Exchange& e) { return metrics_of_many(e); });
  router.add("GET /sandboxes/{id}/metrics", "e2b_metrics", [this](http::Exchange& e) { return metrics(e); });
  router.add("GET /sandboxes/{id}/logs", "e2b_logs", [this](http::Exchange& e) { return logs(e, false); });
  router.add("GET /v2/sandboxes/{id}/logs", "e2b_logs_v2", [this](http::Exchange& e) { return logs(e, true); });
}

/// There is a sample of each moment at which somebody asked, and of now.
Task<> Control::metrics(http::Exchange& exchange) {
  CO_TRY(const Found found, find(exchange));
  CO_TRY(const std::uint64_t start, number_of(exchange, "start", 0));
  CO_TRY(const std::uint64_t end, number_of(exchange, "end", UINT64_MAX));
  CO_TRY_VOID(co_await take_sample(found.sandbox, lives_, guests_.now()));
  bj::array items;
  if (const Life* life = lives_.find(found.sandbox->spec().id)) {
    for (const Sample& sample : life->samples) {
      const auto at = static_cast<std::uint64_t>(milliseconds_since_1970(sample.at) / 1000);
      if (at >= start && at <= end) items.push_back(sample_json(sample, found.sandbox->spec().policy.limits));
    }
  }
  co_return co_await exchange.send_json(200, json::write(items) + "\n");
}

/// Of those that are the caller's; the others are left out.
Task<> Control::metrics_of_many(http::Exchange& exchange) {
  CO_TRY(const Caller caller, this->caller(exchange));
  const std::string* ids = exchange.target().find("sandbox_ids");
  if (ids == nullptr) co_return Error(Code::kInvalidArgument, "sandbox_ids: ids with commas between them are expected");
  bj::object samples;
  std::istringstream list(*ids);
  std::size_t count = 0;
  for (std::string id; std::getline(list, id, ',');) {
    if (++count > kManyMost)
      co_return Error(Code::kInvalidArgument, "sandbox_ids: at most " + std::to_string(kManyMost) + " are expected");
    const auto sandbox = sandboxes_.find(caller.key, id);
    if (!sandbox) continue;
    CO_TRY(const auto sample, co_await measure(*sandbox, lives_, guests_.now()));
    if (sample) samples[id] = sample_json(*sample, (*sandbox)->spec().policy.limits);
  }
  co_return co_await exchange.send_json(200, json::write(bj::object{{"sandboxes", std::move(samples)}}) + "\n");
}

/// What its commands printed, as far as it is remembered, one command after the other: the newest `limit` lines of
/// the last kLookedAtMost bytes.
Task<> Control::logs(http::Exchange& exchange, bool is_v2) {
  CO_TRY(const Found found, find(exchange));
  CO_TRY(std::uint64_t limit, number_of(exchange, "limit", kLinesUsual));
  limit = std::clamp<std::uint64_t>(limit, 1, kLinesUsual);
  CO_TRY(const std::uint64_t since, number_of(exchange, is_v2 ? "cursor" : "start", 0));
  const std::string* search = exchange.target().find("search");
  if (search != nullptr && search->size() > kSearchMost)
    co_return Error(Code::kInvalidArgument, "search: at most " + std::to_string(kSearchMost) + " bytes are expected");
  Gathering gathering(limit, search != nullptr ? *search : std::string());
  const auto commands = found.sandbox->commands();
  for (auto at = commands.rbegin(); at != commands.rend() && !gathering.is_enough(); ++at) {
    if (milliseconds_since_1970((*at)->started_at()) <
        static_cast<std::int64_t>(std::min<std::uint64_t>(since, INT64_MAX)))
      continue;
    CO_TRY_VOID(gathering.add(**at, true));
    CO_TRY_VOID(gathering.add(**at, false));
    co_await asio::post(asio::use_awaitable);  // others may have their turn
  }
  std::vector<Line> lines = std::move(gathering).take();
  const std::string* direction = exchange.target().find("direction");
  if (direction == nullptr || *direction != "backward") std::ranges::reverse(lines);
  bj::array entries;
  bj::array texts;
  for (const Line& line : lines) {
    const std::string text = printable(line.text, kLogLineMost);
    entries.push_back(bj::object{{"timestamp", format(line.at)},
                                 {"message", text},
                                 {"level", line.is_error ? "error" : "info"},
                                 {"fields", bj::object{{"command", line.command}}}});
    texts.push_back(bj::object{{"timestamp", format(line.at)}, {"line", text}});
  }
  bj::object object;
  if (is_v2) object["logs"] = std::move(entries);
  else object = {{"logs", std::move(texts)}, {"logEntries", std::move(entries)}};
  co_return co_await exchange.send_json(200, json::write(object) + "\n");
}

}  // namespace brig::api::e2b
