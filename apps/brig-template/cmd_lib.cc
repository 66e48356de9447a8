/// brig template lib
#include <string>

#include "../brig-client/table.h"
#include "../brig/options.h"
#include "../brig/templates_dir.h"
#include "base/text.h"
#include "commands.h"
#include "image/everybodys.h"
#include "image/make/libraries.h"
#include "policy/overrides.h"
#include "workshop.h"

namespace brig::templates {
namespace {

struct LibOptions {
  std::vector<std::string> names;
  std::optional<std::string> template_name;
  std::optional<std::string> wheels;
  std::optional<std::string> folder;
  bool is_fresh = false;
  bool is_json = false;
  bool is_quiet = false;
};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + printable(word, 200);
  return text;
}

/// "host", or the names of the templates that have that image.
std::string templates_of(const image::Library& library, const std::vector<image::Listed>& known) {
  if (library.base.starts_with("host ")) return "host";
  std::string text;
  for (const image::Listed& one : known) {
    if (one.manifest.digest == library.base) text += (text.empty() ? "" : ",") + one.manifest.name;
  }
  return text.empty() ? "(gone)" : text;
}

int list(const LibOptions& o) {
  const auto store = open_store(o.folder);
  if (!store) return cli::usage_error(store.error().message());
  const auto all = store->libraries();
  const auto known = store->list();
  if (!all || !known) return fail(!all ? all.error() : known.error());
  std::string text;
  std::vector<std::vector<std::string>> rows{{"LIBRARIES", "TEMPLATE", "PACKAGES"}};
  for (const image::InstalledLibrary& one : *all) {
    text += to_json(one.library) + "\n";
    rows.push_back({joined(one.library.names), templates_of(one.library, *known), joined(one.library.packages)});
  }
  return say(o.is_json ? text : client::table_of(rows)) ? 0 : 1;
}

int shown(const image::MadeLibrary& made, const LibOptions& o) {
  const image::Library& library = made.installed.library;
  if (o.is_quiet) return 0;
  if (o.is_json) return say(to_json(library) + "\n") ? 0 : 1;
  return say(joined(library.packages) + (made.is_from_cache ? "  (unchanged)" : "") + "\n") ? 0 : 1;
}

/// Mistakes of who asks are 2, as of a template that there is not.
int code_of(const Error& error) {
  const bool is_mistake =
      error.code() == Code::kInvalidArgument || error.code() == Code::kNotFound || error.code() == Code::kConflict;
  return is_mistake ? 2 : 1;
}

}  // namespace

int cmd_lib(const Words& words) {
  LibOptions o;
  cli::Options options(
      "template lib [NAME[,NAME…]…] [FLAGS]",
      "Installs Python packages from a folder of wheels, in a sandbox without a network, for sandboxes of one template "
      "(brig run --lib does it by itself). Without names: what is installed.");
  options.positional("NAME", o.names, "The packages");
  options.option("--template", o.template_name, "NAME", "The template whose Python they are for (else host)");
  options.option("--wheels", o.wheels, "DIR", "The folder of wheels (else wheels, where templates are kept)");
  options.option("--templates-dir", o.folder, "DIR", "Where templates are kept");
  options.flag("--no-cache", o.is_fresh, "Install again, also a wheel that has changed under its name");
  options.flag("--json", o.is_json, "One JSON object for each library");
  options.flag("--quiet", o.is_quiet, "Print nothing but what went wrong");
  if (const auto code = options.parse(words)) return *code;
  if (o.names.empty()) return list(o);
  const auto policy = policy::apply({}, {.lib = o.names}, "/");
  if (!policy) return cli::usage_error(policy.error().message());
  const auto folder = cli::templates_folder(o.folder);
  if (!folder) return cli::usage_error(folder.error().message());
  image::LibraryRequest request{.names = policy->libraries.use,
                                .image = {},
                                .wheels = image::Catalog(*folder).wheels(),
                                .uses_cache = !o.is_fresh};
  if (o.wheels) {
    auto wheels = readable_path(*o.wheels);
    if (!wheels) return cli::usage_error("--wheels: " + wheels.error().message());
    request.wheels = *std::move(wheels);
  }
  return work_in_shop(
      o.folder, "lib", "install " + joined(request.names),
      [&](const image::Workshop& workshop, image::Store& store) -> Result<int> {
        if (o.template_name.value_or("host") != "host")
          request.image = TRY(image::find_everybodys(store, *o.template_name));
        return shown(TRY(image::install_libraries(workshop, store, request)), o);
      },
      code_of);
}

}  // namespace brig::templates
