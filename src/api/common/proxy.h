#pragma once
/// The proxy: one request to a server inside a sandbox, and its answer, in constant memory and both at the same time.
///
/// What comes out of the sandbox is hostile: its head is bounded and strictly parsed, its lengths are believed only as
/// far as bytes follow, and what would act beyond the answer itself (cookies of other hosts, policies of the whole
/// origin, our own headers) is taken out.
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "http/exchange.h"
#include "sandboxes/sandbox.h"

namespace brig::api {

/// The reply for a server inside that does not answer: 502, in the spelling of whoever asks.
using Refuse = std::function<http::Reply(const http::Exchange&, std::string_view code, std::string_view sentence)>;

struct Passage {
  std::shared_ptr<sandboxes::Sandbox> sandbox;
  std::uint16_t port = 0;
  std::string target;  ///< what the server inside is asked for
  std::string prefix;  ///< of the path before the target; empty where the host name tells sandboxes apart
  std::string cookie;  ///< a Set-Cookie of ours to add to the answer
  bool may_pass_authorization = false;  ///< the client came with a preview: Authorization is meant for the guest
  std::string host = {};                ///< what the server is told as Host; empty: localhost and the port
  Refuse refuse = {};                   ///< empty: in Brig's own spelling
};

/// 502 with a sentence if nothing listens there, or what does speaks no HTTP.
Task<> pass_on(http::Exchange& exchange, Passage passage);

}  // namespace brig::api
