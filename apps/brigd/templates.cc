#include "templates.h"

#include "image/digest.h"

namespace brig::daemon {

sandboxes::Options with_templates(sandboxes::Options options, const image::Catalog& catalog) {
  options.find_template = [&catalog](const std::string& name) -> Result<runtime::RootImage> {
    if (name == runtime::RootImage().name) return runtime::RootImage();
    image::Template found = TRY(catalog.find(name));
    return runtime::RootImage{
        .name = name, .digest = std::string(image::hex_of(found.manifest.digest)), .file = std::move(found.file)};
  };
  options.policy_of_template = [&catalog](const std::string& name, policy::Policy defaults) -> Result<policy::Policy> {
    if (name == runtime::RootImage().name) return defaults;
    const image::Template found = TRY(catalog.find(name));
    return image::apply_defaults(std::move(defaults), found.manifest.defaults);
  };
  return options;
}

}  // namespace brig::daemon
