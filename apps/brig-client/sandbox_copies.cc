#include "sandbox_copies.h"

#include <algorithm>

#include <boost/json/value.hpp>

#include "answer.h"
#include "json/json.h"
#include "sandbox_request.h"
#include "table.h"

namespace brig::client {
namespace {

namespace bj = boost::json;

/// Makes something of a sandbox and prints its id.
int make_of(Common& common, std::string_view rest, const bj::object* body) {
  if (const auto code = common.open()) return *code;
  const auto answer = common.remote->ask("POST", path_of(*common.id, rest), body);
  if (!answer) return fail(answer.error());
  if (common.is_json) return print(json::write(*answer) + "\n");
  const bj::value* sandbox = answer->is_object() ? answer->get_object().if_contains("sandbox") : nullptr;
  const auto id = id_of(sandbox != nullptr ? *sandbox : *answer);
  return id ? print(*id + "\n") : fail(id.error());
}

int take(const Words& words) {
  Common common;
  cli::Options options("sandbox snapshot [flags] ID",
                       "Keeps a sandbox's files and prints the snapshot's id, for brig sandbox create "
                       "--from-snapshot.\nbrig sandbox snapshot ls and … rm ID… list and delete those that are kept.");
  common.add_to(options, "ID");
  if (const auto code = options.parse(words)) return *code;
  if (!common.id) return common.need_id("snapshot");
  return make_of(common, "/snapshots", nullptr);
}

int list(const Words& words) {
  Common common;
  cli::Options options("sandbox snapshot ls [flags] [ID]", "Lists the key's snapshots, or those of one sandbox.");
  common.add_to(options, "ID");
  if (const auto code = options.parse(words)) return *code;
  if (const auto code = common.open()) return *code;
  const std::string target = common.id ? target_of("/v1/snapshots", {{"sandbox_id", *common.id}}) : "/v1/snapshots";
  const auto answer = common.remote->ask("GET", target);
  if (!answer) return fail(answer.error());
  const auto snapshots = list_of(*answer, "snapshots");
  if (!snapshots) return fail(snapshots.error());
  if (common.is_json) return print(json::write(answer->get_object().at("snapshots")) + "\n");
  std::vector<std::vector<std::string>> rows{{"ID", "SANDBOX", "TEMPLATE", "CREATED", "BYTES"}};
  for (const bj::object& snapshot : *snapshots) {
    rows.push_back({text_at(snapshot, "id"), text_at(snapshot, "sandbox_id"), text_at(snapshot, "template"),
                    text_at(snapshot, "created_at"), text_at(snapshot, "size_bytes")});
  }
  return print(table_of(rows));
}

int remove(const Words& words) {
  Common common;
  std::vector<std::string> ids;
  cli::Options options("sandbox snapshot rm [flags] ID…", "Deletes snapshots.");
  common.add_to(options, "");
  options.positional("ID", ids, "the snapshots");
  if (const auto code = options.parse(words)) return *code;
  if (ids.empty()) return cli::usage_error("brig sandbox snapshot rm: which? (brig sandbox snapshot ls shows them)");
  if (const auto code = common.open()) return *code;
  return for_each(ids, [&](const std::string& id) {
    return common.remote->ask("DELETE", "/v1/snapshots/" + http::percent_encode(id));
  });
}

}  // namespace

int for_each(const std::vector<std::string>& ids, const std::function<Result<bj::value>(const std::string&)>& ask) {
  int code = 0;
  for (const std::string& id : ids) {
    const auto answer = ask(id);
    if (answer) continue;
    const int failed = fail(answer.error());
    if (code == 0) code = failed;
  }
  return code;
}

int sandbox_snapshot(const Words& words) {
  const Words rest(words.begin() + (words.empty() ? 0 : 1), words.end());
  if (!words.empty() && words.front() == "ls") return list(rest);
  if (!words.empty() && words.front() == "rm") return remove(rest);
  return take(words);
}

int sandbox_fork(const Words& words) {
  Common common;
  std::vector<std::string> metadata;
  cli::Options options("sandbox fork [flags] ID", "Makes a sandbox with a copy of another's files and prints its id.");
  options.option("--metadata", metadata, "NAME=VALUE", "a label of the copy's own");
  common.add_to(options, "ID");
  if (const auto code = options.parse(words)) return *code;
  if (!common.id) return common.need_id("fork");
  auto labels = pairs(metadata, "--metadata");
  if (!labels) return labels.error();
  const bj::object body{{"metadata", *std::move(labels)}};
  return make_of(common, "/fork", &body);
}

}  // namespace brig::client
