/// Every route that has a sandbox, a command or a snapshot in it, asked for by everybody who must not: another key, no
/// key, a revoked one, an expired one. The control is the owner's own request.
#include <array>
#include <utility>

#include "attack/api/scene.h"
#include "base/text.h"

namespace brig::attack::api {
namespace {

enum class Reads : std::uint8_t { kAll, kHead, kUpgrade };

struct Route {
  std::string_view name;
  std::string_view attack;
  std::string_view method;
  std::string_view path;  ///< behind /v1/sandboxes/{victim}, or a whole one
  std::string_view body = {};
  Reads reads = Reads::kAll;
  std::string_view before = {};  ///< what the owner posts before the control
  std::string_view after = {};   ///< and after it
};

/// Such an id as there are, of nothing.
constexpr std::string_view kNobody = "abcdefghjkmnpqrstuvw";

constexpr std::array kRoutes{
    Route{"get", "read its state", "GET", ""},
    Route{"attestation", "read what confines it", "GET", "/attestation"},
    Route{"lifecycle", "read its deadlines", "GET", "/lifecycle"},
    Route{"lifecycle_set", "move its deadlines", "PATCH", "/lifecycle", R"({"ttl_seconds": 3000})"},
    Route{"metrics", "read what it uses", "GET", "/metrics"},
    Route{"pause", "pause it", "POST", "/pause", {}, Reads::kAll, {}, "/resume"},
    Route{"resume", "resume it", "POST", "/resume", {}, Reads::kAll, "/pause"},
    Route{"hibernate", "put it to sleep", "POST", "/hibernate", {}, Reads::kAll, {}, "/wake"},
    Route{"wake", "wake it", "POST", "/wake", {}, Reads::kAll, "/hibernate"},
    Route{"exec", "run a command", "POST", "/exec", R"({"cmd": "cat /workspace/secret; touch /workspace/intruder"})"},
    Route{"exec_background", "leave a command running", "POST", "/exec",
          R"({"cmd": "sleep 1; touch /workspace/intruder", "background": true})"},
    Route{"exec_stream", "run a command and follow it", "POST", "/exec/stream", R"({"cmd": "cat /workspace/secret"})"},
    Route{"processes", "list its commands", "GET", "/processes"},
    Route{"process", "read how a command is", "GET", "/processes/{process}"},
    Route{"process_wait", "wait for a command", "GET", "/processes/{process}/wait?timeout_ms=1"},
    Route{"process_stream", "follow a command's output", "GET", "/processes/{process}/stream", {}, Reads::kHead},
    Route{"process_output", "read a command's output", "GET", "/processes/{process}/output?stream=stdout"},
    Route{"process_signal", "send a command a signal", "POST", "/processes/{process}/signal", R"({"signal": "CONT"})"},
    Route{"stdin_write", "type into a command", "POST", "/processes/{process}/stdin", "intruder\n"},
    Route{"process_resize", "resize a terminal", "POST", "/processes/{process}/resize", R"({"rows": 30, "cols": 90})"},
    Route{"attach", "take over a terminal (WebSocket)", "GET", "/processes/{process}/attach", {}, Reads::kUpgrade},
    Route{"logs", "read everything its commands printed", "GET", "/logs"},
    Route{"logs_follow", "follow what its commands print", "GET", "/logs?follow=1", {}, Reads::kHead},
    Route{"file_read", "read a file", "GET", "/fs?path=/workspace/secret"},
    Route{"file_write", "write a file", "PUT", "/fs?path=/workspace/intruder", "intruder"},
    Route{"folder_list", "list a folder", "GET", "/fs/dir?path=/workspace"},
    Route{"file_stat", "look at a file", "GET", "/fs/stat?path=/workspace/secret"},
    Route{"folder_make", "make a folder", "POST", "/fs/mkdir", R"({"path": "/workspace/intruder.d"})"},
    Route{"file_move", "move a file", "POST", "/fs/move", R"({"from": "/workspace/goner", "to": "/workspace/gone"})"},
    Route{"file_chmod", "change a file's mode", "POST", "/fs/chmod",
          R"({"path": "/workspace/secret", "mode": "0600"})"},
    Route{"folder_watch", "watch a folder", "GET", "/fs/watch?path=/workspace", {}, Reads::kHead},
    Route{"tar_read", "take a folder away as an archive", "GET", "/fs/tar?path=/workspace/bait/answers"},
    Route{"tar_write", "unpack an archive into it", "PUT", "/fs/tar?path=/workspace/intruder.d", "empty"},
    Route{"file_remove", "remove a file", "DELETE", "/fs?path=/workspace/gone"},
    Route{"ports", "list its ports", "GET", "/ports"},
    Route{"port", "speak to a server inside", "GET", "/ports/8000/secret"},
    Route{"port_post", "send something to a server inside", "POST", "/ports/8000/secret", "intruder"},
    Route{"port_upgrade", "speak WebSocket to a server inside", "GET", "/ports/8000/", {}, Reads::kUpgrade},
    Route{"preview", "make an address for a server inside", "POST", "/ports/8000/preview", "{}"},
    Route{"snapshot", "take a snapshot", "POST", "/snapshots"},
    Route{"fork", "fork it", "POST", "/fork", "{}"},
    Route{"fork_tree", "fork it many times", "POST", "/fork-tree", R"({"count": 2})"},
    Route{"promote", "promote it", "POST", "/promote", R"({"cleanup_siblings": false})"},
    Route{"snapshot_get", "read a snapshot's record", "GET", "/v1/snapshots/{snapshot}"},
    Route{"snapshot_delete", "remove a snapshot", "DELETE", "/v1/snapshots/{spare}"},
    Route{"stdin_close", "end a command's input", "DELETE", "/processes/{process}/stdin"},
    Route{"process_kill", "kill a command", "DELETE", "/processes/{process}"},
    Route{"kill", "end it", "DELETE", "/v1/sandboxes/{second}"},
};

/// 1024 zeros: an archive of nothing.
std::string body_of(const Route& route) {
  return route.body == "empty" ? std::string(10'240, '\0') : std::string(route.body);
}

Ask ask_of(const Route& route) {
  const bool is_whole = route.path.starts_with("/v1/");
  Ask ask{.method = std::string(route.method),
          .target = (is_whole ? std::string() : std::string("/v1/sandboxes/{victim}")) + std::string(route.path),
          .body = body_of(route),
          .headers = {},
          .is_stream = route.reads == Reads::kHead};
  if (route.reads == Reads::kUpgrade)
    ask.headers = {{"Connection", "Upgrade"},
                   {"Upgrade", "websocket"},
                   {"Sec-WebSocket-Version", "13"},
                   {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};
  return ask;
}

/// What an answer says, but for the ids that it is about.
std::string anonymous(const Answer& answer, const std::string& id) {
  std::string text = std::to_string(answer.status) + " " + answer.body.substr(0, answer.body.find("\"request_id\""));
  for (std::size_t at = text.find(id); at != std::string::npos; at = text.find(id, at))
    text.replace(at, id.size(), "ID");
  return text;
}

/// The same request for something that never was.
Ask of_nobody(const Scene& scene, Ask ask) {
  ask.target = scene.fill(ask.target);
  for (const char* name : {"{victim}", "{second}", "{snapshot}", "{spare}"}) {
    const std::string id = scene.fill(name);
    if (const auto at = ask.target.find(id); !id.empty() && at != std::string::npos)
      ask.target.replace(at, id.size(), kNobody);
  }
  return ask;
}

std::string id_in(const Scene& scene, const Ask& ask) {
  for (const char* name : {"{victim}", "{second}", "{snapshot}", "{spare}"}) {
    if (ask.target.contains(name)) return scene.fill(name);
  }
  return {};
}

Task<Finding> try_strangers(Scene& scene, const Route& route) {
  const Ask ask = ask_of(route);
  CO_TRY(const Answer theirs, co_await scene.ask(scene.key_of(Side::kAttack), ask));
  if (theirs.status != 404)
    co_return Finding{true,
                      "another key was answered with " + std::to_string(theirs.status) + " " + printable(theirs.body)};
  CO_TRY(const Answer nobodys, co_await scene.ask(scene.key_of(Side::kAttack), of_nobody(scene, ask)));
  const std::string said = anonymous(theirs, id_in(scene, ask));
  if (said != anonymous(nobodys, std::string(kNobody)))
    co_return Finding{true, "another's is told from what is not there: " + printable(said)};
  for (const auto& [who, key] : {std::pair<std::string, std::string>("nobody", ""),
                                 {"a revoked key", scene.revoked_key()},
                                 {"an expired key", scene.expired_key()},
                                 {"a made-up key", "brig_" + std::string(40, '0')}}) {
    if (key.empty() && who != "nobody") continue;
    CO_TRY(const Answer answer, co_await scene.ask(key, ask));
    if (answer.status != 401)
      co_return Finding{true,
                        who + " was answered with " + std::to_string(answer.status) + " " + printable(answer.body)};
  }
  co_return Finding{false, "another key: 404, as for nothing; no key and dead keys: 401"};
}

Task<Finding> be_the_owner(Scene& scene, const Route& route) {
  const std::string at = "/v1/sandboxes/{victim}";
  const std::string& key = scene.key_of(Side::kControl);
  constexpr int kUnsupported = 501;
  if (!route.before.empty()) {
    CO_TRY(const Answer answer, co_await scene.ask(key, {.method = "POST", .target = at + std::string(route.before)}));
    if (answer.status == kUnsupported) co_return Finding{false, "this host cannot: " + printable(answer.body), false};
  }
  CO_TRY(const Answer answer, co_await scene.ask(key, ask_of(route)));
  if (answer.status == kUnsupported) co_return Finding{false, "this host cannot: " + printable(answer.body), false};
  if (!route.after.empty())
    CO_TRY_VOID(co_await scene.must(key, {.method = "POST", .target = at + std::string(route.after)}));
  co_return Finding{answer.status < 400,
                    "the owner was answered with " + std::to_string(answer.status) + " " + printable(answer.body)};
}

/// All of the above changed nothing, whatever was answered.
Task<Finding> look_for_traces(Scene& scene, Side side) {
  const std::string& key = scene.key_of(Side::kControl);
  if (side == Side::kControl)
    CO_TRY_VOID(
        co_await scene.must(key, {.method = "PUT", .target = "/v1/sandboxes/{victim}/fs?path=/workspace/intruder"}));
  CO_TRY(const Answer folder, co_await scene.ask(key, {.target = "/v1/sandboxes/{victim}/fs/dir?path=/workspace"}));
  CO_TRY(const Answer state, co_await scene.ask(key, {.target = "/v1/sandboxes/{victim}"}));
  CO_TRY(const Answer output, co_await scene.ask(key, {.target = "/v1/sandboxes/{victim}/processes/{process}/output"}));
  CO_TRY(const Answer snapshot, co_await scene.ask(key, {.target = "/v1/snapshots/{spare}"}));
  CO_TRY(const Answer second, co_await scene.ask(key, {.target = "/v1/sandboxes/{second}"}));
  if (folder.status != 200 || folder.body.contains("intruder"))
    co_return Finding{true, "a file was left: " + printable(folder.body)};
  if (!folder.body.contains("goner")) co_return Finding{true, "a file was moved or removed"};
  if (!state.body.contains("\"running\"")) co_return Finding{true, "its state is another: " + printable(state.body)};
  if (state.body.contains("3000")) co_return Finding{true, "its deadline was moved"};
  if (output.status != 200 || output.body.contains("intruder")) co_return Finding{true, "a command was typed into"};
  if (snapshot.status != 200) co_return Finding{true, "a snapshot is gone"};
  if (!second.body.contains("\"running\"")) co_return Finding{true, "a sandbox was ended"};
  co_return Finding{false, "files, state, deadlines, commands and snapshots are as they were"};
}

}  // namespace

void add_route_probes(std::vector<Probe>& probes) {
  int number = 1;
  const auto name_of = [&number](std::string_view name) {
    const std::string digits = std::to_string(number++);
    return std::string(3 - digits.size(), '0') + digits + "_" + std::string(name);
  };
  for (const Route& route : kRoutes) {
    probes.push_back({.name = name_of(route.name),
                      .group = Group::kRoutes,
                      .attack = std::string(route.attack) + ": `" + std::string(route.method) + " …" +
                                std::string(route.path.substr(0, route.path.find('?'))) + "`",
                      .refusal = "404 for another key, as for nothing; 401 without a good key",
                      .run = [&route](Scene& scene, Side side) {
                        return side == Side::kAttack ? try_strangers(scene, route) : be_the_owner(scene, route);
                      }});
  }
  probes.push_back({.name = name_of("traces"),
                    .group = Group::kRoutes,
                    .attack = "have an effect in spite of the refusal",
                    .refusal = "the sandbox is looked up before anything of the request is read",
                    .run = look_for_traces});
}

}  // namespace brig::attack::api
