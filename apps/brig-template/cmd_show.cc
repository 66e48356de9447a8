/// brig template ls | info | rm | gc
#include <unistd.h>

#include <string>

#include <boost/json/value.hpp>

#include "../brig-client/table.h"
#include "../brig/options.h"
#include "../brig/templates_dir.h"
#include "base/text.h"
#include "base/wall_time.h"
#include "commands.h"
#include "json/json.h"
#include "sys/file.h"

namespace brig::templates {
namespace {

constexpr const char* kFolderHelp = "Where templates are kept";

std::string megabytes(Bytes bytes) { return std::to_string((bytes.count + (1U << 20U) - 1) >> 20U) + " MB"; }

/// "2026-11-21T07:19:34Z"
std::string date_of(const image::Manifest& manifest) {
  const std::string text = format(wall_time(manifest.created_s * 1000));
  return text.substr(0, text.find('.')) + "Z";
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string languages_of(const image::Manifest& manifest) {
  std::vector<std::string> names;
  for (const image::Language& language : manifest.defaults.languages) names.push_back(language.name);
  return joined(names);
}

void row(std::string& text, std::string_view key, const std::string& value) {
  if (value.empty()) return;
  text += std::string(key) + std::string(16 - key.size(), ' ') + printable(value, 4000) + "\n";
}

std::string described(const image::Template& found) {
  const image::Manifest& manifest = found.manifest;
  std::string text;
  row(text, "name", manifest.name);
  row(text, "description", manifest.description);
  row(text, "owner", manifest.owner);
  row(text, "digest", manifest.digest);
  row(text, "file", found.file.text());
  row(text, "size",
      megabytes(manifest.size) + " (" + megabytes(manifest.unpacked) + " unpacked, " + std::to_string(manifest.files) +
          " files)");
  row(text, "created", date_of(manifest));
  row(text, "made from", manifest.provenance.kind + " " + manifest.provenance.source);
  row(text, "source digest", manifest.provenance.source_digest);
  for (const image::Language& language : manifest.defaults.languages) row(text, language.name, language.interpreter);
  row(text, "working folder", manifest.defaults.working_folder);
  for (const policy::Variable& variable : manifest.defaults.environment)
    row(text, "environment", variable.name + "=" + variable.value);
  for (const image::LimitDefault& limit : manifest.defaults.limits) row(text, "limit", limit.key + " " + limit.value);
  if (manifest.defaults.preload) row(text, "preload", joined(*manifest.defaults.preload));
  row(text, "entry point", joined(manifest.defaults.entrypoint));
  row(text, "command", joined(manifest.defaults.command));
  row(text, "packages", joined(manifest.provenance.packages));
  for (const std::string& note : manifest.notes) row(text, "note", note);
  return text;
}

}  // namespace

bool say(const std::string& text) { return sys::write_all(FdRef(STDOUT_FILENO), text).has_value(); }

int fail(const Error& error) {
  cli::complain(error.message());
  return 1;
}

Result<image::Store> open_store(const std::optional<std::string>& folder) {
  return image::Store(TRY(cli::templates_folder(folder)));
}

std::string shown_json(const image::Manifest& manifest) { return image::to_json(manifest) + "\n"; }

int cmd_ls(const Words& words) {
  std::optional<std::string> folder;
  bool is_json = false;
  cli::Options options("template ls [FLAGS]", "Lists the templates.");
  options.option("--templates-dir", folder, "DIR", kFolderHelp);
  options.flag("--json", is_json, "One JSON object a line");
  if (const auto code = options.parse(words)) return *code;
  const auto store = open_store(folder);
  if (!store) return cli::usage_error(store.error().message());
  const auto all = store->list();
  if (!all) return fail(all.error());
  std::string text;
  std::vector<std::vector<std::string>> rows{{"NAME", "SIZE", "CREATED", "FROM", "LANGUAGES", "DIGEST"}};
  bool is_sound = true;
  for (const image::Listed& listed : *all) {
    const image::Manifest& manifest = listed.manifest;
    if (!listed.trouble.empty()) {
      cli::complain(listed.trouble);
      is_sound = false;
      continue;
    }
    if (is_json) text += shown_json(manifest);
    rows.push_back({manifest.name, megabytes(manifest.size), date_of(manifest), manifest.provenance.kind,
                    languages_of(manifest), manifest.digest.substr(0, 19)});
  }
  if (!is_json) text = client::table_of(rows);
  return say(text) && is_sound ? 0 : 1;
}

int cmd_info(const Words& words) {
  std::optional<std::string> folder;
  std::optional<std::string> name;
  bool is_json = false;
  cli::Options options("template info NAME [FLAGS]", "Says what is in a template and where it came from.");
  options.positional("NAME", name, "The template");
  options.option("--templates-dir", folder, "DIR", kFolderHelp);
  options.flag("--json", is_json, "One JSON object");
  if (const auto code = options.parse(words)) return *code;
  if (!name) return cli::usage_error("which template? brig template ls lists them");
  const auto store = open_store(folder);
  if (!store) return cli::usage_error(store.error().message());
  const auto found = store->find(*name);
  if (!found) return fail(found.error());
  return say(is_json ? shown_json(found->manifest) : described(*found)) ? 0 : 1;
}

int cmd_rm(const Words& words) {
  std::optional<std::string> folder;
  std::vector<std::string> names;
  cli::Options options("template rm NAME… [FLAGS]",
                       "Removes templates. Sandboxes that run on one go on; its image goes with the last of them.");
  options.positional("NAME", names, "The templates");
  options.option("--templates-dir", folder, "DIR", kFolderHelp);
  if (const auto code = options.parse(words)) return *code;
  if (names.empty()) return cli::usage_error("which template? brig template ls lists them");
  auto store = open_store(folder);
  if (!store) return cli::usage_error(store.error().message());
  if (auto ready = store->prepare(); !ready) return fail(ready.error());
  int code = 0;
  for (const std::string& name : names) {  // each that can be, goes
    if (const auto removed = store->remove(name); !removed) code = fail(removed.error());
  }
  return code;
}

int cmd_gc(const Words& words) {
  std::optional<std::string> folder;
  bool is_json = false;
  cli::Options options(
      "template gc [FLAGS]",
      "Removes what no template needs: the cache of builds, libraries of templates that have gone, and what "
      "died builds left.");
  options.option("--templates-dir", folder, "DIR", kFolderHelp);
  options.flag("--json", is_json, "One JSON object");
  if (const auto code = options.parse(words)) return *code;
  auto store = open_store(folder);
  if (!store) return cli::usage_error(store.error().message());
  const auto dead = store->prepare();
  if (!dead) return fail(dead.error());
  const auto collected = store->collect_garbage();
  if (!collected) return fail(collected.error());
  const std::size_t builds = *dead + collected->builds;
  if (is_json) {
    return say(json::write(boost::json::object{{"images", collected->images},
                                               {"cache_entries", collected->entries},
                                               {"layers", collected->layers},
                                               {"libraries", collected->libraries},
                                               {"builds", builds},
                                               {"bytes", collected->bytes.count}}) +
               "\n")
               ? 0
               : 1;
  }
  return say("removed " + std::to_string(collected->images) + " images (" + megabytes(collected->bytes) + "), " +
             std::to_string(collected->entries) + " entries of the cache, " + std::to_string(collected->layers) +
             " layers, " + std::to_string(collected->libraries) + " libraries and " + std::to_string(builds) +
             " builds that had died\n")
             ? 0
             : 1;
}

}  // namespace brig::templates
