#pragma once
/// What the machine's owner means by a template's name.
#include <string_view>

#include "image/catalog.h"

namespace brig::image {

/// As Catalog::find(): kDenied for a template that a key made over the API, and could call as it liked.
Result<Template> find_everybodys(const Catalog& catalog, std::string_view name);

}  // namespace brig::image
