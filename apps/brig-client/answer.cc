#include "answer.h"

#include <unistd.h>

#include "json/json.h"
#include "sys/file.h"

namespace brig::client {
namespace {

Error not_ours(const std::string& what) {
  return {Code::kUnsupported, "the daemon's answer " + what + ": is this a Brig daemon?"};
}

}  // namespace

std::string text_at(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return "";
  return value->is_string() ? std::string(value->get_string()) : json::write(*value);
}

Result<boost::json::object> object_of(const boost::json::value& answer) {
  if (!answer.is_object()) return not_ours("is no object");
  return answer.get_object();
}

Result<std::vector<boost::json::object>> list_of(const boost::json::value& answer, std::string_view name) {
  const boost::json::value* list = answer.is_object() ? answer.get_object().if_contains(name) : nullptr;
  if (list == nullptr || !list->is_array()) return not_ours("has no list of " + std::string(name));
  std::vector<boost::json::object> objects;
  for (const boost::json::value& one : list->get_array()) {
    if (!one.is_object()) return not_ours("has a list of " + std::string(name) + " that holds something else");
    objects.push_back(one.get_object());
  }
  return objects;
}

Result<std::string> text_of(const boost::json::value& answer, std::string_view name) {
  const boost::json::value* text = answer.is_object() ? answer.get_object().if_contains(name) : nullptr;
  if (text == nullptr || !text->is_string() || text->get_string().empty())
    return not_ours("names no " + std::string(name));
  return std::string(text->get_string());
}

Result<std::string> id_of(const boost::json::value& answer) { return text_of(answer, "id"); }

int print(const std::string& text) { return sys::write_all(FdRef(STDOUT_FILENO), text) ? 0 : 1; }

}  // namespace brig::client
