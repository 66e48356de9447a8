/// brig mcp: sandboxes for a model's client, over standard input and output.
#include "../brig/options.h"
#include "async/run.h"
#include "commands.h"
#include "mcp_bridge.h"
#include "reach.h"
#include "sandbox_request.h"

namespace brig::client {

int cmd_mcp(const Words& words) {
  std::optional<std::string> url;
  std::optional<std::string> key;
  std::optional<std::vector<std::string>> flags;
  cli::Options options("mcp [flags] [-- SERVE-FLAGS…]",
                       "Speaks the Model Context Protocol on standard input and output (docs/mcp.md): gives a client's "
                       "model tools that run code in sandboxes.\nThose of the daemon that is named; without one, of a "
                       "daemon of its own, which ends with it and takes the flags of brig serve after --.");
  options.option("--api-url", url, "URL", "the daemon (BRIG_API_URL)");
  options.option("--api-key", key, "KEY", "BRIG_API_KEY");
  options.rest(flags);
  if (const auto code = options.parse(words)) return *code;
  auto reached = reach(url, key, "mcp", flags.value_or(Words()));
  if (!reached) return fail(reached.error());
  if (flags && !flags->empty() && !reached->own)
    return cli::usage_error("brig mcp: flags of brig serve are for a daemon of our own, and one was named");
  Remote& remote = *reached->remote;
  const auto bridge = std::make_shared<McpBridge>(remote);
  if (const auto opened = run(remote.io(), bridge->open()); !opened) return fail(opened.error());
  const auto served = run(remote.io(), bridge->serve());
  const auto closed = run(remote.io(), bridge->close());
  if (!served) return fail(served.error());
  return closed ? 0 : fail(closed.error());
}

}  // namespace brig::client
