#pragma once
/// Registry: figures by name and labels, and their text for Prometheus.
///
/// Names, help and label names are constants that outlive the registry. A label's value is one of a few words of ours,
/// never what a guest or a client wrote; a family that still meets more than kSeriesMost combinations counts what is
/// beyond under "other". One thread.
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace brig::telemetry {

/// Combinations of label values in one family.
inline constexpr std::size_t kSeriesMost = 256;

/// Only grows.
class Counter {
 public:
  void add(std::uint64_t count = 1) { count_ += count; }
  /// For what is counted elsewhere. Never less than before.
  void set(std::uint64_t count) { count_ = count; }
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  std::uint64_t count_ = 0;
};

class Gauge {
 public:
  void set(double value) { value_ = value; }
  [[nodiscard]] double value() const { return value_; }

 private:
  double value_ = 0;
};

class Histogram {
 public:
  explicit Histogram(std::span<const double> bounds) : bounds_(bounds), counts_(bounds.size()) {}
  void observe(double value);
  [[nodiscard]] std::span<const double> bounds() const { return bounds_; }
  /// How many were at most bounds()[i], each counted in its first bucket only.
  [[nodiscard]] const std::vector<std::uint64_t>& counts() const { return counts_; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] double sum() const { return sum_; }

 private:
  std::span<const double> bounds_;
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  double sum_ = 0;
};

/// The series of one name, by the values of its labels.
template <class Series>
class Family {
 public:
  using Values = std::vector<std::string>;

  Family(std::span<const std::string_view> labels, std::function<Series()> make)
      : labels_(labels), make_(std::move(make)) {}

  /// As many values as the family has labels: anything else is a bug of ours (BRIG_CHECK).
  Series& with(std::initializer_list<std::string_view> values = {});
  [[nodiscard]] std::span<const std::string_view> labels() const { return labels_; }
  [[nodiscard]] const std::map<Values, Series>& series() const { return series_; }

 private:
  std::span<const std::string_view> labels_;
  std::function<Series()> make_;
  std::map<Values, Series> series_;
};

/// Seconds of what takes from tenths of a millisecond to a minute.
inline constexpr std::array<double, 15> kSeconds{0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                 0.25,   0.5,   1,     2.5,   5,    10,    60};

class Registry {
 public:
  Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;
  ~Registry();

  using Labels = std::span<const std::string_view>;
  /// The family lives as long as the registry. A second one of the same name is a bug of ours (BRIG_CHECK). Without
  /// labels its one series is there at once, at 0.
  Family<Counter>& counters(std::string_view name, std::string_view help, Labels labels = {});
  Family<Gauge>& gauges(std::string_view name, std::string_view help, Labels labels = {});
  /// `bounds` rise; +Inf is added.
  Family<Histogram>& histograms(std::string_view name, std::string_view help, Labels labels = {},
                                std::span<const double> bounds = kSeconds);

  /// Text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
  [[nodiscard]] std::string text() const;

 private:
  struct Entry;
  template <class Series>
  Family<Series>& add(std::string_view name, std::string_view help, Labels labels, std::function<Series()> make);
  std::vector<std::unique_ptr<Entry>> entries_;
};

inline constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace brig::telemetry
