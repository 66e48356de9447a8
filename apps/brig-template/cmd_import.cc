/// brig template import
#include <string>

#include "../brig/options.h"
#include "base/text.h"
#include "commands.h"
#include "image/make/import.h"
#include "policy/overrides.h"
#include "workshop.h"

namespace brig::templates {
namespace {

struct ImportOptions {
  std::optional<std::string> input;
  std::optional<std::string> name;
  std::optional<std::string> image;
  std::optional<std::string> folder;
  std::vector<std::string> environment;
  bool is_json = false;
};

/// "Data-Science_2.tar.gz" is "data-science_2" unless it is said otherwise.
std::string name_from(std::string_view file) {
  std::string name;
  for (const std::string_view end : {".zst", ".gz", ".tgz", ".tar", ".oci"}) {
    if (file.ends_with(end)) file.remove_suffix(end.size());
  }
  for (const char c : file) name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return name;
}

Result<image::ImportRequest> make_request(const ImportOptions& o) {
  if (!o.input) return Error(Code::kInvalidArgument, "what is to be imported? brig template import image.tar");
  const HostPath input = TRY(readable_path(*o.input).context("import"));
  image::ImportRequest request{
      .input = input, .name = o.name ? *o.name : name_from(input.name()), .image = o.image.value_or("")};
  if (auto name = image::check_template_name(request.name); !name) {
    return Error(Code::kInvalidArgument, name.error().message() + (o.name ? "" : ": give it one with --name"));
  }
  for (const std::string& text : o.environment) request.environment.push_back(TRY(policy::parse_env(text)));
  return request;
}

}  // namespace

int cmd_import(const Words& words) {
  ImportOptions o;
  cli::Options options(
      "template import FILE|FOLDER [FLAGS]",
      "Makes a template of an OCI layout (a folder or a tar), a docker save archive, a tar of files or a "
      "folder of files. What is hostile in it is read in a sandbox.");
  options.positional("FILE", o.input, "What is imported");
  options.option("--name", o.name, "NAME", "The template's name (else the file's)");
  options.option("--image", o.image, "REF", "Which image, if there are several in it: a name or a digest");
  options.option("--env", o.environment, "NAME=VALUE", "A variable of the template's environment");
  options.option("--templates-dir", o.folder, "DIR", "Where templates are kept");
  options.flag("--json", o.is_json, "Print the template as one JSON object");
  if (const auto code = options.parse(words)) return *code;
  const auto request = make_request(o);
  if (!request) return cli::usage_error(request.error().message());
  return make_template(
      o.folder, request->name, "import " + printable(request->input.text()), o.is_json,
      [&](const image::Workshop& workshop, image::Store& store) { return image::import(workshop, store, *request); });
}

}  // namespace brig::templates
