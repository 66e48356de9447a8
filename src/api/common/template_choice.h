#pragma once
/// Which template a request means, in whatever words its client has for it.
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "image/catalog.h"
#include "store/records.h"

namespace brig::api {

struct ChosenTemplate {
  std::string name;
  image::Defaults defaults;
};

/// The template `name`, if the key may see it. One of `aliases` that no template is called by is the host's. kNotFound
/// for an unknown one; `catalog` none: there is only the host's.
Result<ChosenTemplate> choose_template(const std::optional<image::Catalog>& catalog, const store::Key& key,
                                       const std::string& name, std::span<const std::string_view> aliases);

/// "there is no template …"
Error no_template(std::string_view name);

}  // namespace brig::api
