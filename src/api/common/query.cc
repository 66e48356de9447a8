#include "api/common/query.h"

#include "base/number.h"

namespace brig::api {

Result<GuestPath> path_of(const http::Exchange& exchange) {
  const std::string* text = exchange.target().find("path");
  if (text == nullptr || text->empty()) return Error(Code::kInvalidArgument, "?path= is missing");
  return GuestPath::parse(*text).context("path");
}

bool is_set(const http::Exchange& exchange, std::string_view name) {
  const std::string* text = exchange.target().find(name);
  return text != nullptr && (*text == "1" || *text == "true");
}

Result<std::uint64_t> number_of(const http::Exchange& exchange, std::string_view name, std::uint64_t otherwise) {
  const std::string* text = exchange.target().find(name);
  if (text == nullptr) return otherwise;
  const auto number = whole_number<std::uint64_t>(*text);
  if (!number) return Error(Code::kInvalidArgument, std::string(name) + ": a whole number is expected");
  return *number;
}

}  // namespace brig::api
