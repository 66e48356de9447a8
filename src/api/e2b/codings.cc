#include "api/e2b/codings.h"

#include <algorithm>

#include "http/headers.h"

namespace brig::api::e2b {
namespace {

constexpr int kNotNamed = -1;
constexpr int kFull = 1000;

/// ";q=0.5": in thousandths; all if it says none, 0 for what is no weight.
int weight_of(std::string_view parameters) {
  const auto at = parameters.find('=');
  if (at == std::string_view::npos) return kFull;
  std::string_view text = http::trimmed(parameters.substr(at + 1));
  if (text.empty() || (text.front() != '0' && text.front() != '1')) return 0;
  int weight = (text.front() - '0') * kFull;
  text.remove_prefix(std::min<std::size_t>(text.size(), 2));  // and the point
  for (int unit = kFull / 10; !text.empty() && unit > 0; unit /= 10, text.remove_prefix(1)) {
    if (text.front() < '0' || text.front() > '9') return 0;
    weight += unit * (text.front() - '0');
  }
  return std::min(weight, kFull);
}

}  // namespace

Codings codings_of(std::string_view accept_encoding) {
  int gzip = kNotNamed;
  int plain = kNotNamed;
  int any = kNotNamed;
  bool has_others = false;
  while (!accept_encoding.empty()) {
    const std::size_t comma = std::min(accept_encoding.find(','), accept_encoding.size());
    const std::string_view item = accept_encoding.substr(0, comma);
    accept_encoding.remove_prefix(std::min(comma + 1, accept_encoding.size()));
    const std::size_t semicolon = std::min(item.find(';'), item.size());
    const std::string_view name = http::trimmed(item.substr(0, semicolon));
    const int weight = weight_of(item.substr(semicolon));
    if (http::equals_ignoring_case(name, "gzip")) gzip = weight;
    else if (http::equals_ignoring_case(name, "identity")) plain = weight;
    else if (name == "*") any = weight;
    else if (!name.empty() && weight > 0) has_others = true;
  }
  return {.may_be_plain = plain == kNotNamed ? any != 0 : plain > 0,
          .may_be_gzip = gzip == kNotNamed ? any > 0 : gzip > 0,
          .wants_gzip = gzip > 0 && !has_others && any <= 0 && plain < gzip};
}

}  // namespace brig::api::e2b
