/// Requests whose end two readers may see in two places, to the daemon itself and through it to a server inside.
#include <array>

#include "attack/api/scene.h"
#include "base/text.h"

namespace brig::attack::api {
namespace {

/// Behind each head follows a whole second request: two answers mean that it was read as one.
constexpr std::string_view kSecond = "GET /healthz?smuggled HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n";

struct Framing {
  std::string_view name;
  std::string_view attack;
  std::string_view head;  ///< after "POST … HTTP/1.1\r\nHost: …\r\n"
  std::string_view body = "0\r\n\r\n";
};

constexpr std::array kFramings{
    Framing{"401_length_and_chunks", "announce a length and chunks",
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"},
    Framing{"402_two_lengths", "announce two lengths", "Content-Length: 5\r\nContent-Length: 0\r\n"},
    Framing{"403_list_of_lengths", "announce a list of lengths", "Content-Length: 5, 5\r\n"},
    Framing{"404_signed_length", "announce a length with a sign", "Content-Length: +5\r\n"},
    Framing{"405_hexadecimal_length", "announce a length in hexadecimal", "Content-Length: 0x5\r\n"},
    Framing{"406_blank_in_the_length", "announce a length with a blank", "Content-Length: 5 0\r\n"},
    Framing{"407_huge_length", "announce a length beyond 64 bits", "Content-Length: 18446744073709551621\r\n"},
    Framing{"408_unknown_coding", "announce a coding that is not known", "Transfer-Encoding: xchunked\r\n"},
    Framing{"409_coding_twice", "announce chunks twice",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"},
    Framing{"410_coding_list", "announce chunks in a list", "Transfer-Encoding: identity, chunked\r\n"},
    Framing{"411_vertical_tab", "hide the coding behind a vertical tab", "Transfer-Encoding:\x0b chunked\r\n"},
    Framing{"412_blank_before_the_colon", "put a blank before the colon", "Transfer-Encoding : chunked\r\n"},
    Framing{"413_folded", "fold the coding onto a second line", "Transfer-Encoding:\r\n chunked\r\n"},
    Framing{"414_bare_lf", "end lines with LF alone", "X: y\nTransfer-Encoding: chunked\r\n"},
    Framing{"415_bare_cr", "end lines with CR alone", "X: y\rTransfer-Encoding: chunked\r\n"},
    Framing{"416_nul", "hide the coding behind a NUL", "X: \x01Transfer-Encoding: chunked\r\n"},
    Framing{"417_chunk_size", "begin a chunk with a sign", "Transfer-Encoding: chunked\r\n", "+0\r\n\r\n"},
    Framing{"418_chunk_lf", "end a chunk's size with LF alone", "Transfer-Encoding: chunked\r\n", "0\n\n"},
    Framing{"419_chunk_overflow", "give a chunk a size beyond 64 bits", "Transfer-Encoding: chunked\r\n",
            "10000000000000000\r\n\r\n0\r\n\r\n"},
    Framing{"420_chunk_tail", "put something between a chunk and its end", "Transfer-Encoding: chunked\r\n",
            "1\r\nxy\r\n0\r\n\r\n"},
    Framing{"421_two_hosts", "name two hosts", "Host: elsewhere\r\nContent-Length: 5\r\n"},
};

std::size_t answers_in(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = text.find("HTTP/1.1 "); at != std::string_view::npos; at = text.find("HTTP/1.1 ", at + 1))
    ++count;
  return count;
}

Task<Finding> frame(Scene& scene, Side side, const Framing& framing) {
  if (scene.is_tls()) co_return Finding{false, "raw requests go over plain connections only", false};
  const std::string head = side == Side::kControl ? "Content-Length: 5\r\n" : std::string(framing.head);
  const std::string body = side == Side::kControl ? "0\r\n\r\n" : std::string(framing.body);
  CO_TRY(const std::string answer,
         co_await scene.raw("POST /v1/sandboxes/{victim}/promote HTTP/1.1\r\nHost: {host}\r\n" + head + "\r\n" + body +
                            std::string(kSecond)));
  co_return Finding{answers_in(answer) > 1, std::to_string(answers_in(answer)) + " answers, the first " +
                                                printable(answer.substr(0, answer.find("\r\n")))};
}

struct Passing {
  std::string_view name;
  std::string_view attack;
  std::string_view request;  ///< with the owner's key
};

/// Through the proxy: the server inside must never hear of "/smuggled" as a request, or of a header "Smuggled".
constexpr std::array kPassings{
    Passing{"431_inward_length_and_chunks", "smuggle a request to the server inside by two framings",
            "POST /v1/sandboxes/{victim}/ports/8000/a HTTP/1.1\r\nHost: {host}\r\nX-API-Key: "
            "{victim_key}\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled "
            "HTTP/1.1\r\nHost: x\r\n\r\n"},
    Passing{"432_inward_chunk_extension", "smuggle a request in a chunk's extension",
            "POST /v1/sandboxes/{victim}/ports/8000/a HTTP/1.1\r\nHost: {host}\r\nX-API-Key: "
            "{victim_key}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1;x=\r\nx\r\n0\r\n\r\n\r\nGET "
            "/smuggled HTTP/1.1\r\n\r\n"},
    Passing{
        "433_inward_trailer", "smuggle a header in a trailer",
        "POST /v1/sandboxes/{victim}/ports/8000/a HTTP/1.1\r\nHost: {host}\r\nX-API-Key: "
        "{victim_key}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\nx\r\n0\r\nSmuggled: yes\r\n\r\n"},
    Passing{"434_inward_target", "smuggle a header in the target",
            "GET /v1/sandboxes/{victim}/ports/8000/a%0d%0aSmuggled:%20yes%0d%0a HTTP/1.1\r\nHost: {host}\r\nX-API-Key: "
            "{victim_key}\r\nConnection: close\r\n\r\n"},
    Passing{"435_inward_query", "smuggle a request in the query",
            "GET /v1/sandboxes/{victim}/ports/8000/a?x=%20HTTP/1.1%0d%0a%0d%0aGET%20/smuggled HTTP/1.1\r\nHost: "
            "{host}\r\nX-API-Key: {victim_key}\r\nConnection: close\r\n\r\n"},
    Passing{
        "436_inward_get_body", "smuggle a request as the body of a GET",
        "GET /v1/sandboxes/{victim}/ports/8000/a HTTP/1.1\r\nHost: {host}\r\nX-API-Key: "
        "{victim_key}\r\nContent-Length: 37\r\nConnection: close\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: here\r\n\r\n"},
    Passing{"437_inward_upgrade", "smuggle a request behind an upgrade that is refused",
            "GET /v1/sandboxes/{victim}/ports/8000/secret HTTP/1.1\r\nHost: {host}\r\nX-API-Key: "
            "{victim_key}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: "
            "x\r\nConnection: close\r\n\r\n"},
    Passing{"438_inward_hop", "have our own headers taken out by naming them in Connection",
            "GET /v1/sandboxes/{victim}/ports/8000/a HTTP/1.1\r\nHost: {host}\r\nX-API-Key: "
            "{victim_key}\r\nConnection: close, Host, X-Forwarded-For\r\nX-Forwarded-For: Smuggled: yes\r\n\r\n"},
};

Task<Finding> pass(Scene& scene, Side side, const Passing& passing) {
  if (scene.is_tls()) co_return Finding{false, "raw requests go over plain connections only", false};
  CO_TRY(const std::string before, co_await scene.heard());
  const std::string plain =
      "GET /v1/sandboxes/{victim}/ports/8000/smuggled HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {victim_key}\r\nSmuggled: "
      "yes\r\nConnection: close\r\n\r\n";
  CO_TRY(const std::string answer, co_await scene.raw(side == Side::kControl ? plain : std::string(passing.request)));
  // Once this has been heard, so has everything before it.
  CO_TRY_VOID(co_await scene.ask(scene.key_of(Side::kControl), {.target = "/v1/sandboxes/{victim}/ports/8000/last"}));
  CO_TRY(const std::string after, co_await scene.heard());
  const std::string_view heard = std::string_view(after).substr(std::min(before.size(), after.size()));
  const bool has_reached =
      heard.contains("=====\nGET /smuggled") || heard.contains("\r\nSmuggled: ") || answer.contains("Smuggled");
  co_return Finding{has_reached, "inside was heard: " + printable(heard)};
}

}  // namespace

void add_framing_probes(std::vector<Probe>& probes) {
  for (const Framing& one : kFramings) {
    probes.push_back({.name = std::string(one.name),
                      .group = Group::kFraming,
                      .attack = std::string(one.attack),
                      .refusal = "400 and the connection closes: what follows is not read",
                      .run = [&one](Scene& scene, Side side) { return frame(scene, side, one); }});
  }
  for (const Passing& one : kPassings) {
    probes.push_back({.name = std::string(one.name),
                      .group = Group::kFraming,
                      .attack = std::string(one.attack),
                      .refusal = "the proxy writes a request of its own, on a connection of its own",
                      .run = [&one](Scene& scene, Side side) { return pass(scene, side, one); }});
  }
}

}  // namespace brig::attack::api
