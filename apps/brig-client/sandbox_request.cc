#include "sandbox_request.h"

#include <boost/json/value.hpp>

#include "base/text.h"
#include "base/units.h"

namespace brig::client {

int fail(const Error& error) {
  cli::complain(error.message());
  return error.code() == Code::kInvalidArgument ? 2 : 125;
}

std::string path_of(const std::string& id, std::string_view rest) {
  return "/v1/sandboxes/" + http::percent_encode(id) + std::string(rest);
}

void Common::add_to(cli::Options& options, const std::string& what) {
  options.option("--api-url", url, "URL", "the daemon (default BRIG_API_URL, or http://127.0.0.1:2744)");
  options.option("--api-key", key, "KEY", "default BRIG_API_KEY");
  options.flag("--json", is_json, "JSON for programs");
  if (!what.empty()) options.positional(what, id, "the sandbox");
}

std::optional<int> Common::open() {
  auto opened = Remote::open(find_daemon(url, key));
  if (!opened) return fail(opened.error());
  remote = *std::move(opened);
  return {};
}

int Common::need_id(const std::string& command) const {
  return cli::usage_error("brig sandbox " + command + ": which sandbox? (brig sandbox ls shows them)");
}

std::expected<boost::json::object, int> pairs(const std::vector<std::string>& texts, const std::string& flag) {
  boost::json::object object;
  for (const std::string& text : texts) {
    const std::size_t split = text.find('=');
    if (split == std::string::npos || split == 0)
      return std::unexpected(cli::usage_error(flag + ": \"" + printable(text, 60) + "\" is not NAME=VALUE"));
    object[text.substr(0, split)] = text.substr(split + 1);
  }
  return object;
}

std::expected<double, int> seconds(const std::string& text, const std::string& flag) {
  const auto time = parse_duration(text);
  if (!time) return std::unexpected(cli::usage_error(flag + ": " + time.error().message()));
  return static_cast<double>(time->count()) / 1000;
}

}  // namespace brig::client
