/// What a sandbox uses, and what its commands printed.
#include <algorithm>
#include <sstream>

#include <boost/json/value.hpp>

#include "api/e2b/control.h"
#include "api/v1/query.h"
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

void add_lines(std::vector<Line>& lines, const sandboxes::Command& command, std::string_view text, bool is_error) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.push_back({.at = command.started_at(),
                     .text = std::string(text.substr(0, end)),
                     .is_error = is_error,
                     .command = command.id()});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

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
  CO_TRY(const std::uint64_t start, v1::number_of(exchange, "start", 0));
  CO_TRY(const std::uint64_t end, v1::number_of(exchange, "end", UINT64_MAX));
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
  CO_TRY(const v1::Caller caller, this->caller(exchange));
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

/// What its commands printed, as far as it is remembered, one command after the other: the newest `limit` lines.
Task<> Control::logs(http::Exchange& exchange, bool is_v2) {
  CO_TRY(const Found found, find(exchange));
  CO_TRY(std::uint64_t limit, v1::number_of(exchange, "limit", kLinesUsual));
  limit = std::clamp<std::uint64_t>(limit, 1, kLinesUsual);
  CO_TRY(const std::uint64_t since, v1::number_of(exchange, is_v2 ? "cursor" : "start", 0));
  const std::string* search = exchange.target().find("search");
  std::vector<Line> lines;
  for (const auto& command : found.sandbox->commands()) {
    if (milliseconds_since_1970(command->started_at()) <
        static_cast<std::int64_t>(std::min<std::uint64_t>(since, INT64_MAX)))
      continue;
    CO_TRY(const auto out, command->out().text(command->limit_of_text()));
    add_lines(lines, *command, out.text, false);
    CO_TRY(const auto err, command->err().text(command->limit_of_text()));
    add_lines(lines, *command, err.text, true);
    if (search != nullptr) std::erase_if(lines, [&](const Line& line) { return !line.text.contains(*search); });
    if (lines.size() > limit) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(limit));
  }
  const std::string* direction = exchange.target().find("direction");
  if (direction != nullptr && *direction == "backward") std::ranges::reverse(lines);
  bj::array entries;
  bj::array texts;
  for (const Line& line : lines) {
    const std::string text = printable(line.text, 16 << 10);
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
