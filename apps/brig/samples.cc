#include "samples.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace brig::cli {

double Samples::percentile(double percent) const {
  if (values_.empty()) return 0;
  std::vector<double> sorted = values_;
  const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * static_cast<double>(sorted.size())));
  const std::size_t at = std::clamp<std::size_t>(rank, 1, sorted.size()) - 1;
  std::ranges::nth_element(sorted, sorted.begin() + static_cast<std::ptrdiff_t>(at));
  return sorted[at];
}

double Samples::least() const { return values_.empty() ? 0 : *std::ranges::min_element(values_); }

std::string decimal(double value, int digits) {
  if (value == 0) return "-";
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, digits);
  return {text.data(), end.ptr};
}

}  // namespace brig::cli
