#include "store/string_map.h"

#include <set>

#include <boost/json/value.hpp>

#include "base/text.h"
#include "json/json.h"

namespace brig::store {
namespace {

constexpr json::Limits kLimits{.max_bytes = std::size_t{8} << 20, .max_depth = 2};  // as much as a column can hold

std::string to_string(const boost::json::string& text) { return {text.data(), text.size()}; }

Error damaged() { return {Code::kInternal, "a record of the state database is damaged"}; }

}  // namespace

Result<std::string> to_json(const StringMap& map) {
  std::set<std::string_view> names;
  boost::json::object object;
  for (const auto& [name, value] : map) {
    if (!names.insert(name).second) return Error(Code::kInvalidArgument, "\"" + printable(name) + "\" stands twice");
    if (!is_utf8(name) || !is_utf8(value)) {
      return Error(Code::kInvalidArgument, "\"" + printable(name) + "\" is not valid UTF-8");
    }
    object[name] = value;
  }
  return json::write(object);
}

Result<StringMap> map_from_json(std::string_view text) {
  if (text == "{}") return StringMap();
  const auto value = TRY(json::parse(text, kLimits));
  const auto* object = value.if_object();
  if (object == nullptr) return damaged();
  StringMap map;
  for (const auto& [name, item] : *object) {
    const auto* string = item.if_string();
    if (string == nullptr) return damaged();
    map.emplace_back(std::string(name.data(), name.size()), to_string(*string));
  }
  return map;
}

std::string to_json(const std::vector<std::string>& list) {
  boost::json::array array;
  for (const std::string& item : list) array.emplace_back(item);
  return json::write(array);
}

Result<std::vector<std::string>> list_from_json(std::string_view text) {
  const auto value = TRY(json::parse(text, kLimits));
  const auto* array = value.if_array();
  if (array == nullptr) return damaged();
  std::vector<std::string> list;
  for (const auto& item : *array) {
    const auto* string = item.if_string();
    if (string == nullptr) return damaged();
    list.push_back(to_string(*string));
  }
  return list;
}

}  // namespace brig::store
