#include "api/common/template_choice.h"

#include <algorithm>

#include "base/text.h"
#include "image/own_name.h"

namespace brig::api {

Error no_template(std::string_view name) {
  return {Code::kNotFound, "there is no template \"" + printable(name, 64) + "\" here (GET /v1/templates lists them)"};
}

Result<ChosenTemplate> choose_template(const std::optional<image::Catalog>& catalog, const store::Key& key,
                                       const std::string& name, std::span<const std::string_view> aliases) {
  ChosenTemplate chosen{.name = name, .defaults = {}};
  if (name == image::kHostName) return chosen;
  auto found = catalog ? catalog->find(name) : Result<image::Template>(no_template(name));
  // The catalog's own sentence suggests names, of whomever they are.
  const bool is_unknown = !found && found.error().code() == Code::kNotFound;
  if (is_unknown || (found && !image::may_see(found->manifest, key.id))) found = no_template(name);
  if (found) {
    chosen.defaults = std::move(found->manifest.defaults);
    return chosen;
  }
  if (found.error().code() == Code::kNotFound && std::ranges::find(aliases, name) != aliases.end()) {
    chosen.name = image::kHostName;
    return chosen;
  }
  return std::move(found).error();
}

}  // namespace brig::api
