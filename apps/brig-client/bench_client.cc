#include "bench_client.h"

#include <algorithm>
#include <cstring>

#include <boost/json/value.hpp>

#include "answer.h"
#include "base/buffer.h"
#include "json/json.h"

namespace brig::client {
namespace {

constexpr std::size_t kPiece = std::size_t{64} << 10;
constexpr std::size_t kMessageMax = std::size_t{1} << 20;

/// `left` bytes that are not all the same.
Task<std::size_t> give(std::uint64_t& left, std::span<std::byte> buffer) {
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left, buffer.size()));
  std::memset(buffer.data(), static_cast<int>('a' + left / kPiece % 26), count);
  left -= count;
  co_return count;
}

Error cut(std::uint64_t came, std::uint64_t wanted) {
  return {Code::kInternal, "of " + std::to_string(wanted) + " bytes came " + std::to_string(came)};
}

/// Prints text, so that events carry it as it is.
std::string printing(std::uint64_t size) {
  return json::write(boost::json::object{{"cmd", "yes 'one line of text' | head -c " + std::to_string(size)}});
}

}  // namespace

Result<std::unique_ptr<BenchClient>> BenchClient::open(const asio::any_io_executor& executor, const Where& where) {
  return std::unique_ptr<BenchClient>(new BenchClient(executor, TRY(http::parse_server_url(where.url)), where.key));
}

http::Request BenchClient::request(std::string method, std::string target, std::string body) const {
  http::Request request{.method = std::move(method),
                        .target = std::move(target),
                        .headers = {},
                        .body = std::move(body),
                        .source = {},
                        .length = {}};
  if (!key_.empty()) request.headers.add("Authorization", "Bearer " + key_);
  if (!request.body.empty()) request.headers.add("Content-Type", "application/json");
  return request;
}

Task<std::string> BenchClient::ask(std::string method, std::string target, std::string body) {
  CO_TRY(const auto response, co_await send(client_, request(std::move(method), std::move(target), std::move(body))));
  co_return co_await response->read_body();
}

Task<> BenchClient::healthz() {
  CO_TRY_VOID(co_await ask("GET", "/healthz"));
  co_return Result<>();
}

Task<MadeSandbox> BenchClient::create(std::string body) {
  CO_TRY(const std::string answer, co_await ask("POST", "/v1/sandboxes", std::move(body)));
  CO_TRY(const auto value, json::parse(answer));
  CO_TRY(std::string id, id_of(value));
  co_return MadeSandbox{.id = std::move(id), .is_from_pool = text_at(value.get_object(), "boot_mode") == "pool"};
}

Task<std::vector<std::string>> BenchClient::walls() {
  CO_TRY(const std::string answer, co_await ask("GET", "/v1/runtimes"));
  CO_TRY(const auto value, json::parse(answer));
  std::vector<std::string> names;
  CO_TRY(const auto walls, list_of(value, "items"));
  for (const boost::json::object& wall : walls) {
    if (text_at(wall, "available") == "true" && text_at(wall, "allowed") == "true")
      names.push_back(text_at(wall, "name"));
  }
  co_return names;
}

Task<> BenchClient::exec_true(std::string id) {
  CO_TRY(const std::string answer,
         co_await ask("POST", "/v1/sandboxes/" + id + "/exec", R"({"argv":["/usr/bin/true"]})"));
  CO_TRY(const auto value, json::parse(answer));
  if (!value.is_object() || text_at(value.get_object(), "status") != "ok")
    co_return Error(Code::kInternal, "`true` did not end well: " + answer);
  co_return Result<>();
}

Task<> BenchClient::kill(std::string id) {
  CO_TRY_VOID(co_await ask("DELETE", "/v1/sandboxes/" + id));
  co_return Result<>();
}

Task<> BenchClient::upload(std::string id, std::uint64_t size) {
  http::Request sent = request("PUT", "/v1/sandboxes/" + id + "/fs?path=/workspace/file");
  std::uint64_t left = size;
  sent.source = [&left](std::span<std::byte> buffer) { return give(left, buffer); };
  sent.length = size;
  CO_TRY(const auto response, co_await send(client_, std::move(sent)));
  CO_TRY_VOID(co_await response->read_body());
  co_return Result<>();
}

Task<> BenchClient::download(std::string id, std::uint64_t size) {
  CO_TRY(const auto response,
         co_await send(client_, request("GET", "/v1/sandboxes/" + id + "/fs?path=/workspace/file")));
  Buffer buffer(kPiece);
  std::uint64_t came = 0;
  while (true) {
    CO_TRY(const std::size_t count, co_await response->read_some(buffer.bytes()));
    if (count == 0) break;
    came += count;
  }
  if (came != size) co_return cut(came, size);
  co_return Result<>();
}

Task<> BenchClient::follow(std::string id, std::uint64_t size) {
  const std::string processes = "/v1/sandboxes/" + id + "/";
  std::string body = printing(size);
  body.insert(body.size() - 1, R"(,"background":true)");
  CO_TRY(const std::string answer, co_await ask("POST", processes + "exec", std::move(body)));
  CO_TRY(const auto started, json::parse(answer));
  CO_TRY(const std::string process, id_of(started));
  CO_TRY(const auto socket,
         co_await client_.websocket(processes + "processes/" + process + "/attach", request("GET", "/").headers));
  std::uint64_t came = 0;
  while (true) {
    CO_TRY(const http::Message message, co_await (*socket)->read(kMessageMax));
    if (message.kind == http::Message::Kind::kBinary) came += message.bytes.size();
    if (message.kind == http::Message::Kind::kClose) break;
  }
  if (came != size) co_return cut(came, size);
  co_return Result<>();
}

Task<> BenchClient::follow_events(std::string id, std::uint64_t size) {
  CO_TRY(const auto response,
         co_await send(client_, request("POST", "/v1/sandboxes/" + id + "/exec/stream", printing(size))));
  std::uint64_t came = 0;
  while (true) {
    CO_TRY(const auto event, co_await response->read_event());
    if (!event) break;
    if (event->name != "stdout") continue;
    CO_TRY(const auto value, json::parse(event->data, {.max_bytes = kMessageMax}));
    if (!value.is_object()) continue;
    came += text_at(value.get_object(), "chunk").size();
  }
  if (came != size) co_return cut(came, size);
  co_return Result<>();
}

}  // namespace brig::client
