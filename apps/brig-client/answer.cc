#include "answer.h"

#include <unistd.h>

#include "json/json.h"
#include "sys/file.h"

namespace brig::client {

std::string text_at(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return "";
  return value->is_string() ? std::string(value->as_string()) : json::write(*value);
}

Result<std::string> id_of(const boost::json::value& answer) {
  const boost::json::value* id = answer.is_object() ? answer.get_object().if_contains("id") : nullptr;
  if (id == nullptr || !id->is_string() || id->get_string().empty())
    return Error(Code::kUnsupported, "the daemon's answer names no id: is this a Brig daemon?");
  return std::string(id->get_string());
}

int print(const std::string& text) { return sys::write_all(FdRef(STDOUT_FILENO), text) ? 0 : 1; }

}  // namespace brig::client
