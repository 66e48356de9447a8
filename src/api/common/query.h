#pragma once
/// What the parameters of a request's target say (?path=…&limit=…).
#include <cstdint>
#include <string_view>

#include "base/paths.h"
#include "base/result.h"
#include "http/exchange.h"

namespace brig::api {

/// The parameter `path`. kInvalidArgument, naming it, if it is missing or no path inside a sandbox.
Result<GuestPath> path_of(const http::Exchange& exchange);

/// True for "1" and "true".
bool is_set(const http::Exchange& exchange, std::string_view name);

/// A whole number, or `otherwise` if the parameter is missing. kInvalidArgument, naming it, for anything else.
Result<std::uint64_t> number_of(const http::Exchange& exchange, std::string_view name, std::uint64_t otherwise);

}  // namespace brig::api
