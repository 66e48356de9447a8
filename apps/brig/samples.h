#pragma once
/// Samples: durations of one thing done many times, and what is said of them.
#include <cstddef>
#include <string>
#include <vector>

namespace brig::cli {

class Samples {
 public:
  void add(double milliseconds) { values_.push_back(milliseconds); }
  void add_failure() { ++failures_; }

  [[nodiscard]] std::size_t count() const { return values_.size(); }
  [[nodiscard]] std::size_t failures() const { return failures_; }
  /// The nearest-rank percentile, 0 < `percent` <= 100; 0 without samples.
  [[nodiscard]] double percentile(double percent) const;
  [[nodiscard]] double least() const;

 private:
  std::vector<double> values_;
  std::size_t failures_ = 0;
};

/// "12.34", or "-" for a value that is not there (0).
std::string decimal(double value, int digits = 2);

}  // namespace brig::cli
