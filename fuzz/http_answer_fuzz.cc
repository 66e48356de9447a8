// Attacker: a server inside a sandbox, whose answer the proxy reads and passes on to a visitor. Held here: no crash, no
// hang; what is passed on can be written as a header again; and whatever answer we take for whole, Boost.Beast takes
// for the same.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "async/run.h"
#include "base/buffer.h"
#include "base/check.h"
#include "http/client.h"
#include "http/head.h"

using namespace brig;
using namespace brig::http;

namespace {

namespace beast = boost::beast;

/// The server's bytes, a few at a time, and then its end.
class Bytes final : public Stream {
 public:
  Bytes(std::string_view bytes, std::size_t piece) : bytes_(bytes), piece_(piece) {}
  Task<std::size_t> read_some(std::span<std::byte> buffer) override {
    const std::size_t count = std::min({buffer.size(), bytes_.size(), piece_});
    if (count > 0) std::memcpy(buffer.data(), bytes_.data(), count);
    bytes_.remove_prefix(count);
    co_return count;
  }
  Task<> write_all(std::string_view) override { co_return Result<>(); }
  Task<> shutdown_send() override { co_return Result<>(); }
  void close() override {}

 private:
  std::string_view bytes_;
  std::size_t piece_;
};

struct Got {
  int status = 0;
  Headers headers;
  std::string body;
  bool is_whole = false;
};

Task<Got> visit(asio::any_io_executor executor, std::string method, std::string_view text, std::size_t piece) {
  Client client(executor, std::make_unique<Bytes>(text, piece), "localhost:8000");
  CO_TRY(const auto response, co_await client.send({.method = std::move(method)}));
  Got got{.status = response->status(), .headers = response->headers()};
  Buffer buffer(777);
  while (got.status != 101) {
    const auto count = co_await response->read_some(buffer.bytes());
    if (!count.has_value()) break;
    got.is_whole = *count == 0;
    if (got.is_whole) break;
    got.body.append(reinterpret_cast<const char*>(buffer.bytes().data()), *count);
  }
  co_return got;
}

Task<> read_events(asio::any_io_executor executor, std::string_view text) {
  Client client(executor, std::make_unique<Bytes>(text, 100), "localhost:8000");
  CO_TRY(const auto response, co_await client.send({.method = "GET"}));
  while (true) {
    CO_TRY(const auto event, co_await response->read_event());
    if (!event) co_return Result<>();
  }
}

void compare_with_beast(const Got& got, std::string_view method, std::string_view text) {
  if (!text.starts_with("HTTP/1.0 ") && !text.starts_with("HTTP/1.1 "))
    return;  // HTTP/1.9 is read as 1.1; not by Beast
  beast::http::response_parser<beast::http::string_body> theirs;
  theirs.header_limit(1 << 17);
  theirs.body_limit(boost::none);
  theirs.eager(true);
  theirs.skip(method == "HEAD");
  beast::error_code error;
  theirs.put(boost::asio::buffer(text.data(), text.size()), error);
  // 1xx are skipped by us and are answers for Beast; a word in Connection that is none means nothing to us.
  if (theirs.is_header_done() && theirs.get().result_int() < 200) return;
  using Is = beast::http::error;
  if (error == Is::bad_value || error == Is::bad_reason || error == Is::bad_status) return;
  // What stands in a chunk's extension, or behind the last chunk, is dropped and not looked at. Beast reads the fields
  // there as if they were the head's: once the head is done, what is wrong with a field is wrong with one of those.
  if (error == Is::bad_chunk_extension || error == Is::bad_field || error == Is::bad_chunk) return;
  const bool is_of_a_field =
      error == Is::bad_transfer_encoding || error == Is::bad_content_length || error == Is::multiple_content_length;
  if (theirs.is_header_done() && is_of_a_field) return;
  if (!error || error == beast::http::error::need_more) theirs.put_eof(error);
  BRIG_CHECK(!error && theirs.is_done(), "Beast takes it for no answer: " + error.message());
  BRIG_CHECK(static_cast<int>(theirs.get().result_int()) == got.status, "another status");
  BRIG_CHECK(theirs.get().body() == got.body, "another body");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string method = (data[0] & 1U) != 0 ? "HEAD" : "GET";
  const std::size_t piece = 1 + (data[1] & 63U);
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  asio::io_context io;
  const auto got = run(io, visit(io.get_executor(), method, text, piece));
  if (got.has_value()) {
    BRIG_CHECK(got->status >= 101 && got->status <= 999, "no status");
    std::string written;
    BRIG_CHECK(append_headers(written, got->headers), "a header that cannot be passed on");
    if (got->is_whole) compare_with_beast(*got, method, text);
  }
  (void)run(io, read_events(io.get_executor(), text));
  return 0;
}
