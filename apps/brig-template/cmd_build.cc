/// brig template build
#include <sys/stat.h>

#include <map>
#include <string>

#include "../brig/options.h"
#include "base/text.h"
#include "commands.h"
#include "image/make/debian.h"
#include "image/make/dockerfile.h"
#include "policy/overrides.h"
#include "sys/file.h"
#include "template_files.h"
#include "workshop.h"

namespace brig::templates {
namespace {

constexpr std::size_t kDefinitionMost = std::size_t{256} << 10;

struct BuildOptions {
  std::optional<std::string> name;
  std::optional<std::string> context;
  std::optional<std::string> file;
  std::optional<std::string> target;
  std::optional<std::string> folder;
  std::vector<std::string> arguments;
  bool is_fresh = false;
  bool is_json = false;
};

struct Shipped {
  std::string_view name;
  std::string_view text;
};
constexpr std::array kShipped{Shipped{"base", kBase}, Shipped{"code-interpreter", kCodeInterpreter}};

int build_definition(const BuildOptions& o, const std::string& text, const std::string& source) {
  const char* unused = o.target ? "--target" : !o.arguments.empty() ? "--build-arg" : o.context ? "CONTEXT" : nullptr;
  if (unused != nullptr) {
    return cli::usage_error(std::string(unused) + " is for a Dockerfile: " + printable(source, 200) +
                            " is a definition of packages");
  }
  auto definition = image::parse_definition(text, source);
  if (!definition) return cli::usage_error(definition.error().message());
  return make_template(
      o.folder, *o.name, "build " + *o.name, o.is_json, [&](const image::Workshop& workshop, image::Store& store) {
        return image::build_definition(
            workshop, store,
            {.definition = *definition, .text = text, .source = source, .name = *o.name, .uses_cache = !o.is_fresh});
      });
}

Result<std::map<std::string, std::string>> arguments_of(const BuildOptions& o) {
  std::map<std::string, std::string> all;
  for (const std::string& text : o.arguments) {
    auto variable = TRY(policy::parse_env(text).context("--build-arg"));
    all[variable.name] = variable.value;
  }
  return all;
}

int build_dockerfile(const BuildOptions& o, const HostPath& file) {
  auto arguments = arguments_of(o);
  if (!arguments) return cli::usage_error(arguments.error().message());
  const std::string text = file.text();
  const auto context = readable_path(o.context.value_or(text.substr(0, text.rfind('/') + 1)));
  if (!context) return cli::usage_error("the context " + context.error().message());
  struct stat status{};
  if (::stat(context->c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
    return cli::usage_error("the context " + printable(context->text()) + " is no folder");
  return make_template(o.folder, *o.name, "build " + *o.name, o.is_json,
                       [&](const image::Workshop& workshop, image::Store& store) {
                         return image::build_dockerfile(workshop, store,
                                                        {.file = file,
                                                         .context = *context,
                                                         .name = *o.name,
                                                         .arguments = *arguments,
                                                         .target = o.target.value_or(""),
                                                         .uses_cache = !o.is_fresh,
                                                         // A key may call its own as it likes.
                                                         .may_use = image::is_everybodys});
                       });
}

int build_shipped(const BuildOptions& o) {
  std::vector<std::string_view> names;
  for (const Shipped& shipped : kShipped) {
    if (shipped.name == *o.name) return build_definition(o, std::string(shipped.text), *o.name);
    names.push_back(shipped.name);
  }
  return cli::usage_error("Brig ships no definition \"" + printable(*o.name, 80) + "\"" + did_you_mean(*o.name, names) +
                          ": there are base and code-interpreter, and -f takes a Dockerfile or a definition (.toml)");
}

}  // namespace

int cmd_build(const Words& words) {
  BuildOptions o;
  cli::Options options(
      "template build NAME [-f FILE] [CONTEXT] [FLAGS]",
      "Makes a template: of a Dockerfile (each RUN in a sandbox, without a network), of Debian packages (a "
      "definition, FILE.toml), or one that Brig ships (base, code-interpreter).");
  options.positional("NAME", o.name, "The template's name");
  options.positional("CONTEXT", o.context, "The folder that COPY takes from (else the Dockerfile's)");
  options.option("-f,--file", o.file, "FILE", "A Dockerfile, or a definition whose name ends with .toml");
  options.option("--target", o.target, "STAGE", "The stage of the Dockerfile that is wanted (else the last)");
  options.option("--build-arg", o.arguments, "NAME=VALUE", "The value of an ARG");
  options.option("--templates-dir", o.folder, "DIR", "Where templates are kept");
  options.flag("--no-cache", o.is_fresh, "Make everything again, and get the newest packages");
  options.flag("--json", o.is_json, "Print the template as one JSON object");
  if (const auto code = options.parse(words)) return *code;
  if (!o.name) return cli::usage_error("which template? brig template build base, for example");
  if (auto name = image::check_template_name(*o.name); !name) return cli::usage_error(name.error().message());
  if (!o.file && !o.context) return build_shipped(o);
  const auto file = readable_path(o.file.value_or(o.context.value_or("") + "/Dockerfile"));
  if (!file) return cli::usage_error(file.error().message());
  if (!file->text().ends_with(".toml")) return build_dockerfile(o, *file);
  const auto text = sys::read_file(file->text(), kDefinitionMost);
  if (!text) return cli::usage_error(text.error().message());
  return build_definition(o, *text, std::string(file->name()));
}

}  // namespace brig::templates
