#include "api/common/caller.h"

namespace brig::api {
namespace {

Error refused(std::string_view why) { return {Code::kDenied, std::string(kUnauthenticated) + std::string(why)}; }

std::string_view presented_key(const http::Exchange& exchange) {
  constexpr std::string_view kBearer = "bearer ";
  if (const std::string* field = exchange.header("Authorization")) {
    const std::string_view text = *field;
    if (text.size() > kBearer.size() && http::equals_ignoring_case(text.substr(0, kBearer.size()), kBearer))
      return text.substr(kBearer.size());
  }
  const std::string* field = exchange.header("X-API-Key");
  return field != nullptr ? std::string_view(*field) : std::string_view();
}

}  // namespace

policy::Boundary floor_of(const store::Key& key) {
  for (const auto boundary :
       {policy::Boundary::kSharedKernel, policy::Boundary::kUserSpaceKernel, policy::Boundary::kHardware}) {
    if (policy::to_string(boundary) == key.floor) return boundary;
  }
  // A floor that this version does not know is met by nothing.
  return key.floor.empty() ? policy::Boundary::kSharedKernel : policy::Boundary::kHardware;
}

Result<Caller> find_caller(const http::Exchange& exchange, store::Store& store, WallTime now) {
  const std::string_view presented = presented_key(exchange);
  if (presented.empty()) {
    if (exchange.peer().is_unix) {
      TRY(exchange.count_for(store::kLocalKeyId));
      return Caller{.key = TRY(store.keys().get(store::kLocalKeyId))};
    }
    return refused("send a key as \"Authorization: Bearer KEY\" (brig keys create makes one)");
  }
  auto key = store.keys().find(presented);
  if (!key && key.error().code() != Code::kNotFound) return std::move(key).error();
  if (!key || key->revoked_at) return refused("this key is not known here, or was revoked");
  if (!key->is_valid(now)) return refused("this key has expired");
  TRY(exchange.count_for(key->id));
  return Caller{.key = *std::move(key),
                .dialect = presented.starts_with("pds_") ? Dialect::kPandaStack : Dialect::kBrig};
}

}  // namespace brig::api
