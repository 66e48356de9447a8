#pragma once
/// Cors: which web pages may let a browser speak to the API (the Fetch standard's "CORS protocol").
///
/// Without it a browser keeps the pages of other origins from reading any answer, and from sending a key at all. An
/// origin that is named here may: it still needs a key, which its page knows. There are no cookies of ours, so
/// credentials are never allowed, and no wildcard: a page that nobody named has no business with a key. Answers of the
/// servers inside are left alone: their own headers say who may read them.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/exchange.h"

namespace brig::api::v1 {

/// An origin as a browser writes it: "https://app.example.com", "http://localhost:5173". kInvalidArgument, with a
/// sentence, for anything else: "*", "null", a path, capital letters, the scheme's own port.
Result<std::string> check_origin(std::string_view text);

class Cors {
 public:
  /// `origins` as from check_origin(). None: nothing is ever added.
  explicit Cors(std::vector<std::string> origins) : origins_(std::move(origins)) {}

  /// Adds what the browser wants to read to the answer, whatever that will be. True if the request only asks whether it
  /// may (a preflight) and may: then answer_preflight() is the answer.
  bool admit(http::Exchange& exchange) const;
  static Task<> answer_preflight(http::Exchange& exchange);

 private:
  std::vector<std::string> origins_;
};

}  // namespace brig::api::v1
