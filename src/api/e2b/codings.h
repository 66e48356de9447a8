#pragma once
/// Codings: in which forms an answer may be sent to a client, by its Accept-Encoding (RFC 9110, 12.5.3). Pure.
#include <string_view>

namespace brig::api::e2b {

struct Codings {
  bool may_be_plain = true;
  bool may_be_gzip = false;
  /// It asks for gzip and for nothing else. One that lists gzip among others, as browsers and fetch() do, has not
  /// asked: what is sent as it is costs neither side anything.
  bool wants_gzip = false;
};

/// `accept_encoding`: all fields of that name, joined by commas; empty if there is none.
Codings codings_of(std::string_view accept_encoding);

}  // namespace brig::api::e2b
