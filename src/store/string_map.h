#pragma once
/// Ordered maps and lists of strings as JSON text, the form they have in the database.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/records.h"

namespace brig::store {

/// A JSON object. kInvalidArgument for a name that stands twice or text that is not UTF-8.
Result<std::string> to_json(const StringMap& map);
/// kInternal if it is no object of strings.
Result<StringMap> map_from_json(std::string_view text);

std::string to_json(const std::vector<std::string>& list);
Result<std::vector<std::string>> list_from_json(std::string_view text);

}  // namespace brig::store
