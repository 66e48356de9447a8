#include <unistd.h>

#include <cerrno>

#include <boost/json/value.hpp>

#include "../brig/options.h"
#include "../brig/state_dir.h"
#include "answer.h"
#include "base/number.h"
#include "commands.h"
#include "json/json.h"
#include "remote.h"
#include "table.h"

namespace brig::client {
namespace {

namespace bj = boost::json;

int fail(const Error& error) {
  cli::complain(error.message());
  return error.code() == Code::kInvalidArgument ? 2 : 1;
}

/// What a key is bound to: "user-space-kernel, runtimes gvisor, templates python"; empty if it may use all there is.
std::string grant_of(const bj::object& key) {
  std::string text = text_at(key, "require");
  for (const char* name : {"runtimes", "templates"}) {
    const bj::value* list = key.if_contains(name);
    if (list == nullptr || !list->is_array() || list->get_array().empty()) continue;
    text += (text.empty() ? "" : ", ") + std::string(name);
    for (const bj::value& one : list->get_array())
      text += " " + (one.is_string() ? std::string(one.get_string()) : "?");
  }
  const bj::value* builds = key.if_contains("may_build_templates");
  if (builds != nullptr && builds->is_bool() && builds->get_bool())
    text += (text.empty() ? "" : ", ") + std::string("builds templates");
  return text;
}

std::string table_of_keys(const std::vector<bj::object>& keys) {
  std::vector<std::vector<std::string>> rows{{"ID", "KEY", "LABEL", "CREATED", "STATE", "MAY USE"}};
  for (const bj::object& key : keys) {
    const bool is_revoked = !text_at(key, "revoked_at").empty();
    const std::string expires = text_at(key, "expires_at");
    rows.push_back({text_at(key, "id"), text_at(key, "prefix") + "…", text_at(key, "label"), text_at(key, "created_at"),
                    is_revoked        ? "revoked"
                    : expires.empty() ? "valid"
                                      : "until " + expires,
                    grant_of(key)});
  }
  return table_of(rows);
}

struct Flags {
  std::optional<std::string> state_dir;
  std::optional<std::string> url;
  std::optional<std::string> label;
  std::optional<std::string> sandboxes;
  std::optional<std::string> memory;
  std::optional<std::string> cpus;
  std::optional<std::string> require;
  std::vector<std::string> runtimes;
  std::vector<std::string> templates;
  bool may_build_templates = false;
  std::optional<std::string> expires;
  std::optional<std::string> id;
  bool is_e2b = false;
  bool is_json = false;
};

std::optional<int> parse(std::span<const std::string> words, Flags& flags) {
  cli::Options options(
      "keys create|ls|revoke [flags] [ID]",
      "Keys for the daemon's API. Talks to the Unix socket in the state folder, as the daemon's owner.");
  options.option("--state-dir", flags.state_dir, "DIR", "the daemon's (default /var/lib/brig, or XDG state)");
  options.option("--api-url", flags.url, "URL", "unix:PATH of the daemon's own socket, instead");
  options.option("--label", flags.label, "TEXT", "create: what it is for");
  options.option("--sandboxes", flags.sandboxes, "N", "create: at once");
  options.option("--memory", flags.memory, "SIZE", "create: of all its sandboxes together");
  options.option("--cpus", flags.cpus, "N", "create: of all its sandboxes together");
  options.option("--require", flags.require, "BOUNDARY", "create: the weakest wall it may be given");
  options.option("--runtime", flags.runtimes, "NAME",
                 "create: a wall that it may use, as often as wanted (default all)");
  options.option("--template", flags.templates, "NAME",
                 "create: a template that it may use, as often as wanted (default all)");
  options.flag("--may-build-templates", flags.may_build_templates,
               "create: it may have templates made over the API, for its own sandboxes");
  options.option("--expires", flags.expires, "TIME", "create: valid for so long");
  options.flag("--e2b", flags.is_e2b,
               "create: spelled as E2B's clients want it, e2b_ and the digits (every key can be written so)");
  options.flag("--json", flags.is_json, "one JSON object");
  options.positional("ID", flags.id, "revoke: which");
  return options.parse(words);
}

/// The body of the request that makes a key.
Result<bj::object> body_of(const Flags& flags) {
  bj::object quota;
  bj::object body;
  if (flags.is_e2b) body["prefix"] = "e2b_";
  if (flags.label) body["label"] = *flags.label;
  if (flags.sandboxes) {
    const auto number = whole_number<std::uint64_t>(*flags.sandboxes);
    if (!number) return Error(Code::kInvalidArgument, "--sandboxes: a number is expected");
    quota["sandboxes"] = *number;
  }
  if (flags.memory) quota["memory"] = *flags.memory;
  if (flags.cpus) quota["cpus"] = *flags.cpus;
  if (!quota.empty()) body["quota"] = std::move(quota);
  if (flags.require) body["require"] = *flags.require;
  if (!flags.runtimes.empty()) body["runtimes"] = bj::array(flags.runtimes.begin(), flags.runtimes.end());
  if (!flags.templates.empty()) body["templates"] = bj::array(flags.templates.begin(), flags.templates.end());
  if (flags.may_build_templates) body["may_build_templates"] = true;
  if (flags.expires) {
    const Milliseconds lifetime = TRY(parse_duration(*flags.expires).context("--expires"));
    body["expires_in_seconds"] = static_cast<double>(lifetime.count()) / 1000;
  }
  return body;
}

/// Asks the daemon as its owner.
Result<bj::value> ask_owner(const Flags& flags, std::string method, std::string target,
                            const bj::object* body = nullptr) {
  const std::string folder = flags.state_dir.value_or(cli::default_state_dir());
  if (!flags.url && ::access((folder + "/brigd.sock").c_str(), F_OK) != 0 && errno == ENOENT) {
    return Error(Code::kUnavailable,
                 "no daemon is at home in " + folder + ": brig serve starts one, and one that was started with a " +
                     "--state-dir of its own is found with the same flag here (brig keys … --state-dir DIR)");
  }
  const auto remote = TRY(Remote::open({.url = flags.url.value_or("unix:" + folder + "/brigd.sock"), .key = ""}));
  return remote->ask(std::move(method), std::move(target), body);
}

int create(const Flags& flags) {
  const auto body = body_of(flags);
  if (!body) return fail(body.error());
  const auto answer = ask_owner(flags, "POST", "/v1/keys", &*body);
  if (!answer) return fail(answer.error());
  if (flags.is_json) return print(json::write(*answer) + "\n");
  const auto key = text_of(*answer, "key");
  return key ? print(*key + "\n") : fail(key.error());
}

int list(const Flags& flags) {
  const auto answer = ask_owner(flags, "GET", "/v1/keys");
  if (!answer) return fail(answer.error());
  if (flags.is_json) return print(json::write(*answer) + "\n");
  const auto keys = list_of(*answer, "items");
  return keys ? print(table_of_keys(*keys)) : fail(keys.error());
}

int revoke(const Flags& flags) {
  if (!flags.id) return cli::usage_error("brig keys revoke: which? (brig keys ls shows them)");
  const auto answer = ask_owner(flags, "DELETE", "/v1/keys/" + http::percent_encode(*flags.id));
  return answer ? 0 : fail(answer.error());
}

}  // namespace

int cmd_keys(const Words& words) {
  const bool has_name = !words.empty() && !words.front().starts_with('-');
  const std::string name = has_name ? words.front() : "";
  Flags flags;
  if (const auto code = parse(std::span(words).subspan(has_name ? 1 : 0), flags)) return *code;
  if (name != "create" && name != "ls" && name != "revoke") return cli::usage_error("brig keys: create, ls or revoke?");

  if (name == "ls") return list(flags);
  if (name == "revoke") return revoke(flags);
  return create(flags);
}

}  // namespace brig::client
