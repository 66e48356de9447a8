// Attacker: a client that controls every byte it sends. Held here: no crash, no hang, no leak; every answer is one; and
// whatever head we accept, Boost.Beast accepts as well and reads the same way: where two readers agree, nothing is
// smuggled.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "base/buffer.h"
#include "http/head.h"
#include "http/router.h"
#include "http_harness.h"

using namespace brig;
using namespace brig::http;

namespace {

namespace beast = boost::beast;

void require(bool is_true) {
  if (!is_true) std::abort();
}

void compare_with_beast(std::string_view text) {
  const Limits limits;
  HeadScanner scanner;
  const auto end = scanner.scan(text, limits.header_bytes);
  if (!end.has_value() || !end->has_value()) return;
  const auto ours = parse_request_head(text.substr(0, **end), limits);
  if (!ours.has_value()) return;
  beast::http::request_parser<beast::http::empty_body> theirs;
  theirs.header_limit(1 << 16);
  theirs.body_limit(boost::none);
  beast::error_code error;
  const std::size_t used = theirs.put(boost::asio::buffer(text.data(), **end), error);
  // Beast also wants the value of Connection to be a list of tokens; for us a word there that is none means nothing.
  if (error == beast::http::error::bad_value) return;
  require(!error && used == **end && theirs.is_header_done());
  const auto& message = theirs.get();
  require(std::string_view(message.method_string().data(), message.method_string().size()) == ours->method);
  require(std::string_view(message.target().data(), message.target().size()) == ours->target);
  require((message.version() == 10) == ours->is_http_1_0);
  require(theirs.chunked() == (ours->framing == Framing::kChunked));
  require(theirs.content_length().value_or(0) == (ours->framing == Framing::kLength ? ours->length : 0));
  require(static_cast<std::size_t>(std::distance(message.begin(), message.end())) == ours->headers.size());
}

Task<> take_whole(Exchange& exchange) {
  CO_TRY(const std::string body, co_await exchange.read_body(5000));
  co_return co_await exchange.send(200, {{"X-Id", "1"}}, body);
}

Task<> take_pieces(Exchange& exchange) {
  CO_TRY_VOID(co_await exchange.start(200, {}));
  Buffer buffer(777);
  while (true) {
    CO_TRY(const std::size_t count, co_await exchange.read_some(buffer.bytes()));
    if (count == 0) break;
    CO_TRY_VOID(co_await exchange.write({reinterpret_cast<const char*>(buffer.bytes().data()), count}));
  }
  co_return co_await exchange.finish();
}

Task<> leave_body(Exchange& exchange) {
  co_return co_await exchange.send(200, {}, std::string(exchange.parameter("id")));
}

void add_routes(Router& router) {
  router.add("POST /w", "whole", take_whole);
  router.add("* /p/{rest...}", "pieces", take_pieces);
  router.add("GET /i/{id}", "id", leave_body);
  router.add("POST /i/{id}", "id_post", leave_body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  compare_with_beast(text);
  Router router;
  add_routes(router);
  const std::string answer = feed([&](Exchange& exchange) { return router.handle(exchange); }, text);
  require(answer.empty() || answer.starts_with("HTTP/1.1 "));
  return 0;
}
