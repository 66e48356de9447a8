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

int print(const std::string& text) { return sys::write_all(FdRef(STDOUT_FILENO), text) ? 0 : 1; }

}  // namespace brig::client
