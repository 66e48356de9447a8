/// Ways to write a path or a request line so that whoever checks it reads something else than whoever acts on it.
#include <array>

#include "attack/api/scene.h"
#include "base/text.h"

namespace brig::attack::api {
namespace {

struct Trick {
  std::string_view name;
  std::string_view attack;
  std::string_view target;
  std::string_view host = "{host}";
  std::string_view more = {};  ///< header lines
};

constexpr std::array kTricks{
    Trick{"301_dots", "climb out of an own sandbox", "/v1/sandboxes/{attacker}/../{victim}/fs?path=/workspace/secret"},
    Trick{"302_encoded_dots", "climb with encoded dots",
          "/v1/sandboxes/{attacker}/%2e%2e/{victim}/fs?path=/workspace/secret"},
    Trick{"303_encoded_slash", "climb behind an encoded slash",
          "/v1/sandboxes/{attacker}%2f..%2f{victim}/fs?path=/workspace/secret"},
    Trick{"304_double_encoded", "climb with an encoding of an encoding",
          "/v1/sandboxes/{attacker}/%252e%252e/{victim}/fs?path=/workspace/secret"},
    Trick{"305_backslash", "climb with backslashes",
          "/v1/sandboxes/{attacker}/..%5c{victim}/fs?path=/workspace/secret"},
    Trick{"306_overlong", "climb with overlong UTF-8",
          "/v1/sandboxes/{attacker}/%c0%ae%c0%ae/{victim}/fs?path=/workspace/secret"},
    Trick{"307_empty_segments", "hide the id behind empty segments",
          "/v1/sandboxes//{victim}/fs?path=/workspace/secret"},
    Trick{"308_nul", "hide the id behind a NUL", "/v1/sandboxes/{attacker}%00{victim}/fs?path=/workspace/secret"},
    Trick{"309_parameters", "hide the id in a path parameter",
          "/v1/sandboxes/{attacker};id={victim}/fs?path=/workspace/secret"},
    Trick{"310_second_id", "name the id a second time",
          "/v1/sandboxes/{attacker}/fs?id={victim}&sandbox_id={victim}&path=/workspace/secret"},
    Trick{"311_absolute", "name the target with its scheme",
          "http://{host}/v1/sandboxes/{victim}/fs?path=/workspace/secret"},
    Trick{"312_absolute_of_a_port", "ask for a port by an absolute target, past the Host",
          "http://8000-{victim}.localhost/secret"},
    Trick{"313_port_by_host", "ask for another's port by the Host", "/secret", "8000-{victim}.localhost"},
    Trick{"314_two_hosts", "name two hosts", "/secret", "8000-{attacker}.localhost",
          "Host: 8000-{victim}.localhost\r\n"},
    Trick{"315_forwarded_host", "name the host in another header", "/secret", "8000-{attacker}.localhost",
          "X-Forwarded-Host: 8000-{victim}.localhost\r\nX-Host: 8000-{victim}.localhost\r\nForwarded: "
          "host=8000-{victim}.localhost\r\n"},
    Trick{"316_host_with_a_tail", "name two sandboxes in one host", "/secret",
          "8000-{attacker}.8000-{victim}.localhost"},
    Trick{"317_user_in_the_host", "name a user in the host",
          "http://8000-{attacker}.localhost@8000-{victim}.localhost/secret"},
    Trick{"318_out_of_a_port", "climb out of an own port",
          "/v1/sandboxes/{attacker}/ports/8000/../../../{victim}/ports/8000/secret"},
    Trick{"319_out_of_a_port_encoded", "climb out of an own port, encoded",
          "/v1/sandboxes/{attacker}/ports/8000/..%2f..%2f..%2f{victim}%2fports%2f8000%2fsecret"},
    Trick{"320_port_number", "hide the sandbox behind a port's number",
          "/v1/sandboxes/{attacker}/ports/8000@{victim}/secret"},
    Trick{"321_upper_case", "name the routes otherwise", "/V1/Sandboxes/{victim}/fs?path=/workspace/secret"},
    Trick{"322_fragment", "put a fragment into the target",
          "/v1/sandboxes/{attacker}#/../{victim}/fs?path=/workspace/secret"},
    Trick{"323_blanks", "put a blank into the target", "/v1/sandboxes/{victim}/fs?path=/workspace/secret HTTP/1.1 x"},
    Trick{"324_host_file", "read a file of the host through an own sandbox",
          "/v1/sandboxes/{attacker}/fs?path=/../../../../proc/1/root/workspace/secret"},
};

std::string request(std::string_view target, std::string_view host, std::string_view more, const std::string& key) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: " + std::string(host) + "\r\n" + std::string(more) +
         "Authorization: Bearer " + key + "\r\nConnection: close\r\n\r\n";
}

Task<Finding> trick(Scene& scene, Side side, const Trick& trick) {
  if (scene.is_tls()) co_return Finding{false, "raw requests go over plain connections only", false};
  const bool is_by_host = trick.target == "/secret" || trick.target.starts_with("http://8000");
  const std::string plain =
      is_by_host ? request("/secret", "8000-{victim}.localhost" + scene.port_suffix(), {}, scene.key_of(side))
                 : request("/v1/sandboxes/{victim}/fs?path=/workspace/secret", "{host}", {}, scene.key_of(side));
  CO_TRY(const std::string answer,
         co_await scene.raw(
             side == Side::kControl ? plain : request(trick.target, trick.host, trick.more, scene.key_of(side))));
  co_return Finding{answer.contains(scene.secret()), printable(answer.substr(0, answer.find("\r\n")))};
}

}  // namespace

void add_path_probes(std::vector<Probe>& probes) {
  for (const Trick& one : kTricks) {
    probes.push_back({.name = std::string(one.name),
                      .group = Group::kPaths,
                      .attack = std::string(one.attack),
                      .refusal = "one strict reader of targets and hosts; the key decides, not the spelling",
                      .run = [&one](Scene& scene, Side side) { return trick(scene, side, one); }});
  }
}

}  // namespace brig::attack::api
