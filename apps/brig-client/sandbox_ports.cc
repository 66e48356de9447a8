#include "sandbox_ports.h"

#include <algorithm>

#include <boost/json/value.hpp>

#include "answer.h"
#include "base/number.h"
#include "base/text.h"
#include "json/json.h"
#include "sandbox_request.h"
#include "table.h"

namespace brig::client {
namespace {

namespace bj = boost::json;

/// A signed address that needs no key, for a browser.
int preview(Common& common, const std::string& port, const std::string& lifetime) {
  const auto time = seconds(lifetime, "--preview");
  if (!time) return time.error();
  if (const auto code = common.open()) return *code;
  const bj::object body{{"expires_in_seconds", *time}};
  const auto answer = common.remote->ask("POST", path_of(*common.id, "/ports/" + port + "/preview"), &body);
  if (!answer) return fail(answer.error());
  if (common.is_json) return print(json::write(*answer) + "\n");
  const auto url = text_of(*answer, "url");
  return url ? print(*url + "\n") : fail(url.error());
}

}  // namespace

int sandbox_ports(const Words& words) {
  Common common;
  std::optional<std::string> port;
  std::optional<std::string> lifetime;
  cli::Options options("sandbox ports [flags] ID [PORT]",
                       "Lists the ports on which a sandbox's programs listen, or prints the address of one of them.\n"
                       "Requests to it need the key; with --preview it is one that needs none.");
  options.option("--preview", lifetime, "TIME", "a signed address of PORT that is good for so long");
  common.add_to(options, "ID");
  options.positional("PORT", port, "its address alone");
  if (const auto code = options.parse(words)) return *code;
  if (!common.id) return common.need_id("ports");
  const auto number = whole_number<std::uint16_t>(port.value_or("1"));
  if (!number || *number == 0)
    return cli::usage_error("PORT: \"" + printable(*port, 40) + "\" is not a number from 1 to 65535");
  if (lifetime && !port) return cli::usage_error("--preview: of which port? (brig sandbox ports --preview 1h ID PORT)");
  if (lifetime) return preview(common, std::to_string(*number), *lifetime);
  if (const auto code = common.open()) return *code;
  const auto answer = common.remote->ask("GET", path_of(*common.id, "/ports"));
  if (!answer) return fail(answer.error());
  const auto ports = list_of(*answer, "ports");
  if (!ports) return fail(ports.error());
  if (port) {
    const auto found =
        std::ranges::find(*ports, std::to_string(*number), [](const bj::object& one) { return text_at(one, "port"); });
    if (found == ports->end())
      return fail(Error(Code::kNotFound, "nothing listens on port " + *port + " in the sandbox (brig sandbox ports " +
                                             *common.id + " lists what does)"));
    if (common.is_json) return print(json::write(*found) + "\n");
    const auto url = text_of(*found, "proxy_url");
    return url ? print(*url + "\n") : fail(url.error());
  }
  if (common.is_json) return print(json::write(answer->get_object().at("ports")) + "\n");
  std::vector<std::vector<std::string>> rows{{"PORT", "ADDRESS", "BY PATH"}};
  for (const bj::object& one : *ports)
    rows.push_back({text_at(one, "port"), text_at(one, "proxy_url"), text_at(one, "path_url")});
  return print(table_of(rows));
}

}  // namespace brig::client
