#pragma once
/// Who asks: from a request to the key it presents.
#include <string>

#include "base/wall_time.h"
#include "http/exchange.h"
#include "policy/policy.h"
#include "store/store.h"

namespace brig::api {

/// The spelling of errors and of some answers that a client expects.
enum class Dialect : std::uint8_t {
  kBrig,
  kPandaStack,  ///< the key was presented behind "pds_"
};

struct Caller {
  store::Key key;
  Dialect dialect = Dialect::kBrig;
};

/// `Authorization: Bearer KEY` or `X-API-Key: KEY`. Through the Unix socket, whose file's mode says who may, nothing is
/// needed. kDenied, told to the client as 401, for no key, an unknown, a revoked or an expired one: all the same words,
/// but for the last. kExhausted if the key has its share of the connections already.
Result<Caller> find_caller(const http::Exchange& exchange, store::Store& store, WallTime now);

/// The weakest boundary that the key's sandboxes may have.
policy::Boundary floor_of(const store::Key& key);

/// Whether an Error is find_caller's: 401 rather than 403.
inline constexpr std::string_view kUnauthenticated = "unauthenticated: ";

}  // namespace brig::api
