#pragma once
/// Errors as E2B's clients expect them: `{"code": STATUS, "message": "…"}`, the code equal to the status.
#include <string>
#include <string_view>

#include "http/error_reply.h"
#include "http/exchange.h"

namespace brig::api::e2b {

/// Names of E2B's routes begin with it; from the name of a request's route the daemon knows whose spelling its errors
/// have.
inline constexpr std::string_view kRoutePrefix = "e2b_";

/// The words for a sandbox that is not there, has ended or is paused: told to clients of the data plane as 502.
inline constexpr std::string_view kNoGuest = "The sandbox was not found";

http::Reply error_reply(int status, std::string_view message);
/// Of a request for what is inside a sandbox, with the id that it named.
http::Reply no_guest_reply(const http::Exchange& exchange);
/// The reply for what a handler failed with.
http::Reply reply_for(const Error& error, const http::Exchange& exchange);

}  // namespace brig::api::e2b
