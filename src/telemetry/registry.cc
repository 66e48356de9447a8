#include "telemetry/registry.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>
#include <variant>

#include "base/check.h"

namespace brig::telemetry {
namespace {

constexpr std::string_view kOther = "other";

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::array<char, 40> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  BRIG_CHECK(error == std::errc(), "a number without digits");
  return {digits.data(), end};
}

/// In a label's value; a help text has no quotes to escape.
void append_escaped(std::string& out, std::string_view text, bool is_quoted) {
  for (const char c : text) {
    if (c == '\\') out += "\\\\";
    else if (c == '\n') out += "\\n";
    else if (c == '"' && is_quoted) out += "\\\"";
    else out += c;
  }
}

using Values = std::vector<std::string>;

/// name{label="value",…} number
void append_line(std::string& out, std::string_view name, std::string_view suffix,
                 std::span<const std::string_view> labels, const Values& values, std::string_view bound,
                 std::string_view value) {
  out.append(name).append(suffix);
  const auto append_pair = [&](std::string_view label, std::string_view text, bool is_first) {
    out.append(is_first ? "{" : ",").append(label).append("=\"");
    append_escaped(out, text, true);
    out += '"';
  };
  for (std::size_t i = 0; i < labels.size(); ++i) append_pair(labels[i], values[i], i == 0);
  if (!bound.empty()) append_pair("le", bound, labels.empty());
  if (!labels.empty() || !bound.empty()) out += '}';
  out.append(" ").append(value).append("\n");
}

void append_series(std::string& out, std::string_view name, const Family<Counter>& family) {
  for (const auto& [values, series] : family.series())
    append_line(out, name, "", family.labels(), values, {}, std::to_string(series.count()));
}

void append_series(std::string& out, std::string_view name, const Family<Gauge>& family) {
  for (const auto& [values, series] : family.series())
    append_line(out, name, "", family.labels(), values, {}, number(series.value()));
}

void append_series(std::string& out, std::string_view name, const Family<Histogram>& family) {
  for (const auto& [values, series] : family.series()) {
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i < series.bounds().size(); ++i) {
      so_far += series.counts()[i];
      append_line(out, name, "_bucket", family.labels(), values, number(series.bounds()[i]), std::to_string(so_far));
    }
    append_line(out, name, "_bucket", family.labels(), values, "+Inf", std::to_string(series.count()));
    append_line(out, name, "_sum", family.labels(), values, {}, number(series.sum()));
    append_line(out, name, "_count", family.labels(), values, {}, std::to_string(series.count()));
  }
}

}  // namespace

void Histogram::observe(double value) {
  const auto at = std::ranges::lower_bound(bounds_, value);
  if (at != bounds_.end()) ++counts_[static_cast<std::size_t>(at - bounds_.begin())];
  ++count_;
  sum_ += value;
}

template <class Series>
Series& Family<Series>::with(std::initializer_list<std::string_view> values) {
  BRIG_CHECK(values.size() == labels_.size(), "as many values as labels");
  Values key(values.begin(), values.end());
  auto at = series_.find(key);
  if (at != series_.end()) return at->second;
  // The last place is kept for what has none.
  if (series_.size() + 1 >= kSeriesMost) key.assign(labels_.size(), std::string(kOther));
  return series_.try_emplace(std::move(key), make_()).first->second;
}

template class Family<Counter>;
template class Family<Gauge>;
template class Family<Histogram>;

struct Registry::Entry {
  std::string_view name;
  std::string_view help;
  std::string_view type;
  std::variant<Family<Counter>, Family<Gauge>, Family<Histogram>> family;
};

Registry::Registry() = default;
Registry::~Registry() = default;

template <class Series>
Family<Series>& Registry::add(std::string_view name, std::string_view help, Labels labels,
                              std::function<Series()> make) {
  BRIG_CHECK(std::ranges::none_of(entries_, [&](const auto& entry) { return entry->name == name; }), name);
  constexpr std::string_view kType = std::is_same_v<Series, Counter> ? "counter"
                                     : std::is_same_v<Series, Gauge> ? "gauge"
                                                                     : "histogram";
  entries_.push_back(std::make_unique<Entry>(
      Entry{.name = name, .help = help, .type = kType, .family = Family<Series>(labels, std::move(make))}));
  auto& family = std::get<Family<Series>>(entries_.back()->family);
  if (labels.empty()) (void)family.with();
  return family;
}

Family<Counter>& Registry::counters(std::string_view name, std::string_view help, Labels labels) {
  return add<Counter>(name, help, labels, [] { return Counter(); });
}

Family<Gauge>& Registry::gauges(std::string_view name, std::string_view help, Labels labels) {
  return add<Gauge>(name, help, labels, [] { return Gauge(); });
}

Family<Histogram>& Registry::histograms(std::string_view name, std::string_view help, Labels labels,
                                        std::span<const double> bounds) {
  BRIG_CHECK(std::ranges::is_sorted(bounds), name);
  return add<Histogram>(name, help, labels, [bounds] { return Histogram(bounds); });
}

std::string Registry::text() const {
  std::string text;
  for (const auto& entry : entries_) {
    text.append("# HELP ").append(entry->name).append(" ");
    append_escaped(text, entry->help, false);
    text.append("\n# TYPE ").append(entry->name).append(" ").append(entry->type).append("\n");
    std::visit([&](const auto& family) { append_series(text, entry->name, family); }, entry->family);
  }
  return text;
}

}  // namespace brig::telemetry
