#include "attack/api/scene.h"

#include <array>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json/value.hpp>

#include "async/stream.h"
#include "async/timer.h"
#include "base/buffer.h"
#include "http/connect.h"
#include "http/target.h"
#include "json/json.h"
#include "sys/file.h"
#include "sys/random_bytes.h"

namespace brig::attack::api {
namespace {

namespace bj = boost::json;

constexpr std::size_t kBodyMost = std::size_t{4} << 20;
constexpr std::size_t kProgramMost = std::size_t{64} << 20;
/// Far more than any answer needs: it ends the harness, not a probe.
constexpr Milliseconds kPatience{30'000};

class Plain final : public RawConnection {
 public:
  explicit Plain(StreamSocket socket) : socket_(std::move(socket)) {}
  Task<> write(std::string bytes) override {
    co_return co_await with_timeout(kPatience, socket_.write_all(std::as_bytes(std::span(bytes))), "sending");
  }
  Task<std::string> read(std::size_t most, Milliseconds patience) override {
    std::string all;
    Buffer buffer(std::size_t{16} << 10);
    while (all.size() < most) {
      const auto count = co_await with_timeout(patience, socket_.read_some(buffer.bytes()), "an answer");
      if (!count || *count == 0) break;
      all.append(reinterpret_cast<const char*>(buffer.bytes().data()), *count);
    }
    co_return all;
  }

 private:
  StreamSocket socket_;
};

std::string text_at(const bj::value& value, std::string_view name) {
  const bj::object* object = value.if_object();
  const bj::value* found = object != nullptr ? object->if_contains(name) : nullptr;
  return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

Task<Answer> exchange(asio::any_io_executor executor, http::ServerUrl url, http::Request request, bool is_stream) {
  http::Client client(executor, std::move(url));
  CO_TRY(const auto response, co_await client.send(std::move(request)));
  Answer answer{.status = response->status(), .headers = response->headers(), .body = {}};
  if ((is_stream && answer.status < 400) || answer.status == 101) co_return answer;
  CO_TRY(answer.body, co_await response->read_body(kBodyMost));
  co_return answer;
}

}  // namespace

std::string Scene::fill(std::string_view text) const {
  std::string filled(text);
  const std::array<std::pair<std::string_view, std::string_view>, 13> names{{{"{victim}", victim_},
                                                                             {"{attacker}", attacker_},
                                                                             {"{process}", process_},
                                                                             {"{snapshot}", snapshot_},
                                                                             {"{spare}", spare_snapshot_},
                                                                             {"{second}", second_},
                                                                             {"{secret}", secret_},
                                                                             {"{key_id}", key_id_},
                                                                             {"{host}", url_.authority},
                                                                             {"{victim_key}", stage_.victim_key},
                                                                             {"{attacker_key}", stage_.attacker_key},
                                                                             {"{revoked_key}", revoked_key_},
                                                                             {"{expired_key}", expired_key_}}};
  for (const auto& [name, value] : names) replace_all(filled, name, value);
  return filled;
}

std::string Scene::port_suffix() const {
  const auto colon = url_.authority.rfind(':');
  return colon == std::string::npos || url_.authority.ends_with(']') ? std::string() : url_.authority.substr(colon);
}

Task<Answer> Scene::ask(std::string key, Ask ask) { return ask_at(url_, std::move(key), std::move(ask)); }

Task<Answer> Scene::ask_owner(Ask ask, std::string key) {
  CO_TRY(http::ServerUrl url, http::parse_server_url(stage_.owner_url));
  co_return co_await ask_at(std::move(url), std::move(key), std::move(ask));
}

Task<Answer> Scene::ask_at(http::ServerUrl url, std::string key, Ask ask) {
  http::Request request{.method = ask.method,
                        .target = fill(ask.target),
                        .headers = {},
                        .body = fill(ask.body),
                        .source = {},
                        .length = {}};
  if (!key.empty()) request.headers.add("Authorization", "Bearer " + key);
  for (const http::Field& field : ask.headers) request.headers.add(field.name, fill(field.value));
  co_return co_await with_timeout(kPatience, exchange(executor_, std::move(url), std::move(request), ask.is_stream),
                                  ask.method + " " + ask.target);
}

Task<bj::value> Scene::must(std::string key, Ask ask) {
  const std::string what = ask.method + " " + ask.target;
  CO_TRY(const Answer answer, co_await this->ask(std::move(key), std::move(ask)));
  if (answer.status >= 400)
    co_return Error(Code::kUnavailable,
                    what + " was answered with " + std::to_string(answer.status) + ": " + answer.body.substr(0, 300));
  if (answer.body.empty() || !answer.headers.get("Content-Type").starts_with("application/json")) co_return bj::value();
  co_return json::parse(answer.body, {.max_bytes = kBodyMost, .max_values = json::kManyValues});
}

Task<std::unique_ptr<RawConnection>> Scene::connect() {
  CO_TRY(Fd fd, co_await http::connect_to(url_.endpoint));
  CO_TRY(StreamSocket socket, StreamSocket::adopt(executor_, std::move(fd)));
  co_return std::unique_ptr<RawConnection>(std::make_unique<Plain>(std::move(socket)));
}

Task<std::string> Scene::raw(std::string bytes) {
  CO_TRY(const auto connection, co_await connect());
  // Who was refused in the middle of a request reads the refusal all the same.
  (void)co_await connection->write(fill(bytes));
  co_return co_await connection->read(kBodyMost, kPatience);
}

Task<std::string> Scene::make(std::string key, std::string body) {
  CO_TRY(const bj::value made,
         co_await must(std::move(key), {.method = "POST", .target = "/v1/sandboxes", .body = std::move(body)}));
  co_return text_at(made, "id");
}

Task<> Scene::end(std::string key, std::string id) {
  CO_TRY_VOID(co_await ask(std::move(key), {.method = "DELETE", .target = "/v1/sandboxes/" + id}));
  co_return Result<>();
}

Task<std::string> Scene::preview(std::string key, std::string id, std::uint16_t port, int seconds) {
  CO_TRY(const bj::value made,
         co_await must(std::move(key), {.method = "POST",
                                        .target = "/v1/sandboxes/" + id + "/ports/" + std::to_string(port) + "/preview",
                                        .body = R"({"expires_in_seconds": )" + std::to_string(seconds) + "}"}));
  const std::string url = text_at(made, "path_url");
  constexpr std::string_view kName = "brig_preview=";
  const auto at = url.find(kName);
  if (at == std::string::npos) co_return Error(Code::kUnavailable, "a preview's address has no pass");
  co_return url.substr(at + kName.size());
}

Task<std::string> Scene::heard() {
  CO_TRY(const Answer answer,
         co_await ask(stage_.victim_key, {.target = "/v1/sandboxes/{victim}/fs?path=/workspace/bait/heard"}));
  co_return answer.status == 200 ? answer.body : std::string();
}

Task<> Scene::answer_with(std::string name, std::string bytes) {
  http::Request request{.method = "PUT",
                        .target = fill("/v1/sandboxes/{victim}/fs?path=/workspace/bait/answers/" + name),
                        .headers = {{"Authorization", "Bearer " + stage_.victim_key}},
                        .body = std::move(bytes),
                        .source = {},
                        .length = {}};
  CO_TRY(const Answer answer, co_await exchange(executor_, url_, std::move(request), false));
  if (answer.status >= 400)
    co_return Error(Code::kUnavailable, "the server's answer cannot be laid out: " + answer.body);
  co_return Result<>();
}

Task<bool> Scene::is_served() {
  CO_TRY(const Answer answer,
         co_await ask(stage_.victim_key, {.target = "/v1/sandboxes/{victim}/fs?path=/workspace/secret"}));
  co_return answer.status == 200 && answer.body == secret_;
}

Task<> Scene::serve_inside(std::string key, std::string id, std::string text) {
  const std::string at = "/v1/sandboxes/" + id;
  CO_TRY(std::string program, sys::read_file(stage_.probe_program, kProgramMost));
  CO_TRY_VOID(co_await must(
      key, {.method = "PUT", .target = at + "/fs?path=/workspace/bait/server", .body = std::move(program)}));
  CO_TRY_VOID(co_await must(
      key, {.method = "PUT",
            .target = at + "/fs?path=/workspace/bait/answers/secret",
            .body = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: " +
                    std::to_string(text.size()) + "\r\n\r\n" + text}));
  CO_TRY_VOID(co_await must(
      key,
      {.method = "POST", .target = at + "/fs/chmod", .body = R"({"path": "/workspace/bait/server", "mode": "0755"})"}));
  CO_TRY_VOID(co_await must(key, {.method = "POST",
                                  .target = at + "/exec",
                                  .body = R"({"argv": ["/workspace/bait/server", "@bait", ")" + std::to_string(kPort) +
                                          R"(", "/workspace/bait"], "background": true})"}));
  for (int i = 0; i < 500; ++i) {
    CO_TRY(const Answer ports, co_await ask(key, {.target = at + "/ports"}));
    if (ports.body.contains("\"port\":" + std::to_string(kPort) + ",")) co_return Result<>();
    CO_TRY_VOID(co_await sleep(Milliseconds{20}));
  }
  co_return Error(Code::kUnavailable, "the server inside does not listen");
}

Task<> Scene::set_up_keys() {
  if (!has_owner()) co_return Result<>();
  const auto make_key = [this](std::string body) -> Task<Answer> {
    return ask_owner({.method = "POST", .target = "/v1/keys", .body = std::move(body)});
  };
  for (auto [key, body] : {std::pair(&stage_.victim_key, R"({"label": "victim"})"),
                           std::pair(&stage_.attacker_key, R"({"label": "attacker"})"),
                           std::pair(&revoked_key_, R"({"label": "revoked"})"),
                           std::pair(&expired_key_, R"({"label": "expired", "expires_in_seconds": 0.001})")}) {
    CO_TRY(const Answer answer, co_await make_key(body));
    CO_TRY(const bj::value made, json::parse(answer.body).context("POST /v1/keys"));
    *key = text_at(made, "key");
    if (key->empty()) co_return Error(Code::kUnavailable, "the daemon makes no keys: " + answer.body);
    if (key == &stage_.victim_key) key_id_ = text_at(made, "id");
    if (key == &revoked_key_)
      CO_TRY_VOID(co_await ask_owner({.method = "DELETE", .target = "/v1/keys/" + text_at(made, "id")}));
  }
  co_return Result<>();
}

Task<> Scene::set_up_victim() {
  const std::string& key = stage_.victim_key;
  CO_TRY(victim_, co_await make(key, R"({"metadata": {"of": "victim"}})"));
  CO_TRY(second_, co_await make(key, R"({"metadata": {"of": "victim"}})"));
  for (const char* name : {"secret", "goner"})
    CO_TRY_VOID(co_await must(key, {.method = "PUT",
                                    .target = "/v1/sandboxes/{victim}/fs?path=/workspace/" + std::string(name),
                                    .body = secret_}));
  CO_TRY(
      const bj::value started,
      co_await must(
          key,
          {.method = "POST",
           .target = "/v1/sandboxes/{victim}/exec",
           .body =
               R"({"cmd": "echo {secret}; exec cat", "background": true, "keep_stdin": true, "terminal": {"rows": 20, "cols": 70}})"}));
  process_ = text_at(started, "id");
  for (std::string* snapshot : {&snapshot_, &spare_snapshot_}) {
    CO_TRY(const bj::value taken, co_await must(key, {.method = "POST", .target = "/v1/sandboxes/{victim}/snapshots"}));
    *snapshot = text_at(taken, "id");
  }
  co_return co_await serve_inside(key, victim_, secret_);
}

Task<> Scene::set_up() {
  CO_TRY(url_, http::parse_server_url(stage_.url));
  std::array<std::byte, 16> random{};
  sys::fill_random(random);
  secret_ = "secret-";
  for (const std::byte byte : random) secret_ += static_cast<char>('a' + std::to_integer<int>(byte) % 26);
  CO_TRY_VOID(co_await set_up_keys());
  CO_TRY_VOID(co_await set_up_victim());
  CO_TRY(attacker_, co_await make(stage_.attacker_key, R"({"metadata": {"of": "attacker"}})"));
  co_return co_await serve_inside(stage_.attacker_key, attacker_, "the attacker's own");
}

Task<> Scene::clear_forks(std::string key, std::string id) {
  CO_TRY(const bj::value answer, co_await must(key, {.target = "/v1/sandboxes?limit=1000"}));
  for (const bj::value& item : answer.at("items").as_array()) {
    if (text_at(item, "parent_id") == id) CO_TRY_VOID(co_await end(key, text_at(item, "id")));
  }
  co_return co_await end(key, id);
}

Task<> Scene::clear_snapshots() {
  CO_TRY(const bj::value answer, co_await must(stage_.victim_key, {.target = "/v1/snapshots?sandbox_id={victim}"}));
  for (const bj::value& item : answer.at("snapshots").as_array())
    CO_TRY_VOID(
        co_await ask(stage_.victim_key, {.method = "DELETE", .target = "/v1/snapshots/" + text_at(item, "id")}));
  co_return Result<>();
}

Task<> Scene::clear() {
  if (!victim_.empty()) (void)co_await clear_snapshots();
  for (const std::string& id : {victim_, second_}) {
    if (!id.empty()) (void)co_await clear_forks(stage_.victim_key, id);
  }
  if (!attacker_.empty()) (void)co_await clear_forks(stage_.attacker_key, attacker_);
  co_return Result<>();
}

}  // namespace brig::attack::api
