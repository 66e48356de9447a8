#include <unistd.h>

#include <boost/json/value.hpp>

#include "bench_figures.h"
#include "bench_interpreter.h"
#include "json/json.h"
#include "sys/kernel.h"
#include "table.h"

namespace brig::client {
namespace {

namespace bj = boost::json;
using cli::decimal;
using cli::Samples;

const Samples* find(const std::vector<NamedSamples>& list, std::string_view name) {
  for (const NamedSamples& one : list) {
    if (one.name == name) return &one.samples;
  }
  return nullptr;
}

struct Ratio {
  std::string name;
  double value = 0;
};

/// Of the medians. Both sides were measured in the same rounds.
struct Pair {
  const std::vector<NamedSamples>& list;
  const char* ours;
  const char* other;
};

std::vector<Ratio> ratios_of(const std::vector<Pair>& pairs) {
  std::vector<Ratio> all;
  for (const Pair& pair : pairs) {
    const Samples* ours = find(pair.list, pair.ours);
    const Samples* other = find(pair.list, pair.other);
    if (ours == nullptr || other == nullptr || other->percentile(50) <= 0) continue;
    all.push_back({std::string(pair.ours) + " / " + pair.other, ours->percentile(50) / other->percentile(50)});
  }
  return all;
}

std::vector<Ratio> ratios(const InterpreterFigures& figures) {
  const std::vector<NamedSamples>& list = figures.rounds;
  return ratios_of({{list, "brig, forked: context", "bare python: imports"},
                    {list, "brig, forked: context", "brig, cold: imports"},
                    {list, "brig, forked: plot", "bare python: plot"},
                    {list, "brig, cold: plot", "bare python: plot"},
                    {list, "brig: create + context + 1 + 1", "bare python: start"},
                    {list, "brig: create + context + 1 + 1", "ipykernel: start"},
                    {list, "brig, forked: 1 + 1", "ipykernel: 1 + 1"}});
}

std::vector<Ratio> ratios(const Figures& figures) {
  return ratios_of({{figures.rounds, "create (pool)", "healthz"},
                    {figures.rounds, "create (pool)", "fork + exec true"},
                    {figures.rounds, "exec true", "fork + exec true"},
                    {figures.rounds, "create + exec + kill", "bwrap true"},
                    {figures.streams, "output, WebSocket", "output, without us"}});
}

using Rows = std::vector<std::vector<std::string>>;

void add_row(Rows& rows, const std::string& name, const Samples& s) {
  rows.push_back({name, std::to_string(s.count()), decimal(s.least()), decimal(s.percentile(50)),
                  decimal(s.percentile(90)), decimal(s.percentile(99)), std::to_string(s.failures())});
}

bj::object samples_json(const Samples& s, const std::string& unit) {
  return {{"n", s.count()},
          {"min_" + unit, s.least()},
          {"p50_" + unit, s.percentile(50)},
          {"p90_" + unit, s.percentile(90)},
          {"p99_" + unit, s.percentile(99)},
          {"failures", s.failures()}};
}

bj::object list_json(const std::vector<NamedSamples>& list, const std::string& unit) {
  bj::object object;
  for (const NamedSamples& one : list) object[one.name] = samples_json(one.samples, unit);
  return object;
}

template <class T>
bj::value or_null(const std::optional<T>& value) {
  return value ? bj::value(*value) : bj::value();
}

}  // namespace

std::string for_people(const Figures& figures) {
  Rows rows{{"ratios of the medians", ""}};
  for (const Ratio& ratio : ratios(figures)) rows.push_back({ratio.name, decimal(ratio.value)});
  std::string text = table_of(rows) + "\n";

  rows = {{"milliseconds", "n", "min", "p50", "p90", "p99", "failed"}};
  for (const NamedSamples& one : figures.rounds) add_row(rows, one.name, one.samples);
  for (const NamedSamples& one : figures.walls) add_row(rows, "wall " + one.name, one.samples);
  const Crowd& crowd = figures.crowd;
  const std::string at_once = std::to_string(crowd.clients) + " clients: ";
  add_row(rows, at_once + "create", crowd.create);
  add_row(rows, at_once + "exec", crowd.exec);
  add_row(rows, at_once + "kill", crowd.kill);
  add_row(rows, at_once + "all three", crowd.whole);
  text += table_of(rows) + "\n";

  rows = {{"MB/s", "n", "min", "p50", "failed"}};
  for (const NamedSamples& one : figures.streams) {
    rows.push_back({one.name, std::to_string(one.samples.count()), decimal(one.samples.least(), 0),
                    decimal(one.samples.percentile(50), 0), std::to_string(one.samples.failures())});
  }
  text += table_of(rows) + "\n";

  const Rate& rate = figures.rate;
  text +=
      std::to_string(crowd.clients) + " clients: " + decimal(crowd.per_second, 0) + " create + exec + kill a second\n";
  text += std::to_string(rate.clients) + " clients: " + decimal(rate.per_second(), 0) + " create + kill a second for " +
          decimal(rate.seconds, 0) + " s (" + std::to_string(rate.sandboxes) + " made, " +
          std::to_string(rate.failures) + " failed)\n";
  const Idle& idle = figures.idle;
  text += std::to_string(idle.sandboxes) + " idle: ";
  if (idle.processes_mb)
    text += decimal(*idle.processes_mb, 0) + " MB in all processes, " + decimal(*idle.in_all_mb, 0) +
            " MB with the kernel's part; ";
  else text += "memory is measured of the bench's own daemon only; ";
  text += "a creation took " + decimal(idle.create_ms_first) + " ms among the first, " + decimal(idle.create_ms_last) +
          " ms among the last\n";
  for (const std::string& trouble : figures.troubles) text += "failed: " + trouble + "\n";
  return text;
}

std::string to_json(const Figures& figures) {
  bj::object relations;
  for (const Ratio& ratio : ratios(figures)) relations[ratio.name] = ratio.value;
  const Crowd& crowd = figures.crowd;
  const Rate& rate = figures.rate;
  const Idle& idle = figures.idle;
  bj::array troubles;
  for (const std::string& trouble : figures.troubles) troubles.emplace_back(trouble);
  const bj::object all{{"kernel", sys::kernel_name()},
                       {"processors", ::sysconf(_SC_NPROCESSORS_ONLN)},
                       {"ratios", std::move(relations)},
                       {"one_client", list_json(figures.rounds, "ms")},
                       {"from_pool", figures.from_pool},
                       {"walls", list_json(figures.walls, "ms")},
                       {"crowd", bj::object{{"clients", crowd.clients},
                                            {"per_second", crowd.per_second},
                                            {"create", samples_json(crowd.create, "ms")},
                                            {"exec", samples_json(crowd.exec, "ms")},
                                            {"kill", samples_json(crowd.kill, "ms")},
                                            {"all_three", samples_json(crowd.whole, "ms")}}},
                       {"create_kill", bj::object{{"clients", rate.clients},
                                                  {"seconds", rate.seconds},
                                                  {"sandboxes", rate.sandboxes},
                                                  {"failures", rate.failures},
                                                  {"per_second", rate.per_second()}}},
                       {"idle", bj::object{{"sandboxes", idle.sandboxes},
                                           {"create_ms_first_tenth", idle.create_ms_first},
                                           {"create_ms_last_tenth", idle.create_ms_last},
                                           {"processes_mb", or_null(idle.processes_mb)},
                                           {"in_all_mb", or_null(idle.in_all_mb)}}},
                       {"streams", list_json(figures.streams, "mb_per_second")},
                       {"troubles", std::move(troubles)}};
  return json::write(all) + "\n";
}

std::string for_people(const InterpreterFigures& figures) {
  Rows rows{{"ratios of the medians", ""}};
  for (const Ratio& ratio : ratios(figures)) rows.push_back({ratio.name, decimal(ratio.value, 3)});
  std::string text = table_of(rows) + "\n";
  rows = {{"milliseconds", "n", "min", "p50", "p90", "p99", "failed"}};
  for (const NamedSamples& one : figures.rounds) add_row(rows, one.name, one.samples);
  text += table_of(rows) + "\n";
  text += std::to_string(figures.from_pool) +
          " of the sandboxes for one cell came from the pool; interpreters: " + figures.starts + "\n";
  for (const std::string& trouble : figures.troubles) text += "failed: " + trouble + "\n";
  return text;
}

std::string to_json(const InterpreterFigures& figures) {
  bj::object relations;
  for (const Ratio& ratio : ratios(figures)) relations[ratio.name] = ratio.value;
  bj::array troubles;
  for (const std::string& trouble : figures.troubles) troubles.emplace_back(trouble);
  const bj::object all{{"kernel", sys::kernel_name()},   {"processors", ::sysconf(_SC_NPROCESSORS_ONLN)},
                       {"ratios", std::move(relations)}, {"rounds", list_json(figures.rounds, "ms")},
                       {"from_pool", figures.from_pool}, {"interpreters", figures.starts},
                       {"troubles", std::move(troubles)}};
  return json::write(all) + "\n";
}

}  // namespace brig::client
