#include "templates.h"

#include "api/common/template_choice.h"
#include "image/digest.h"
#include "service/kernel.h"

namespace brig::daemon {

sandboxes::Options with_templates(sandboxes::Options options, const image::Catalog& catalog) {
  options.find_template = [&catalog](const std::string& name, std::string_view key_id) -> Result<runtime::RootImage> {
    if (name == runtime::RootImage().name) return runtime::RootImage();
    image::Template found = TRY(catalog.find(name));
    if (!image::may_see(found.manifest, key_id)) return api::no_template(name);
    return runtime::RootImage{
        .name = name, .digest = std::string(image::hex_of(found.manifest.digest)), .file = std::move(found.file)};
  };
  options.policy_of_template = [&catalog](const std::string& name, policy::Policy defaults) -> Result<policy::Policy> {
    if (name == runtime::RootImage().name) return defaults;
    const image::Template found = TRY(catalog.find(name));
    return image::apply_defaults(std::move(defaults), found.manifest.defaults);
  };
  options.modules_of_template = [&catalog](const std::string& name) {
    const auto found = catalog.find(name);  // of the host's own there is none
    return found && found->manifest.defaults.preload ? *found->manifest.defaults.preload : service::usual_modules();
  };
  options.find_libraries = [&catalog](const std::string& name,
                                      const std::vector<std::string>& libraries) -> Result<policy::Mount> {
    std::optional<image::Template> image;
    if (name != runtime::RootImage().name) image = TRY(catalog.find(name));
    const std::string base = TRY(image::library_base(image ? &image->manifest : nullptr));
    const auto found = catalog.find_library(base, libraries);
    if (found) return library_mount(*found);
    std::string names;
    for (const std::string& one : libraries) names += (names.empty() ? "" : ",") + one;
    return Error(Code::kNotFound, "the libraries " + names + " are not installed for the template " + name +
                                      ": brig template lib " + names + " --template " + name +
                                      " on the daemon's machine installs them");
  };
  return options;
}

}  // namespace brig::daemon
