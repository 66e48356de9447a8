#include "service/records.h"

#include <boost/json/value.hpp>

#include "json/json.h"
#include "json/separators.h"

namespace brig::service {
namespace {

bool is_mime(std::string_view text) {
  if (text.empty() || text.size() > 100 || text.find('/') == std::string_view::npos) return false;
  for (const char c : text) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!is_letter && std::string_view("/+-.;=_").find(c) == std::string_view::npos) return false;
  }
  return true;
}

/// Of one record.
constexpr std::size_t kSeparatorsMax = 4 * kFormsMax;

}  // namespace

const std::string* RichResult::find(std::string_view mime) const {
  for (const auto& [type, form] : forms) {
    if (type == mime) return &form;
  }
  return nullptr;
}

std::optional<boost::json::object> parse_record(std::string_view line) {
  if (json::count_separators(line, kSeparatorsMax) > kSeparatorsMax) return {};
  auto record = json::parse(line, {.max_bytes = kResultLineMax, .max_depth = 4});
  if (!record || !record->is_object()) return {};
  return std::move(record->get_object());
}

std::string text_of(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::optional<RichResult> result_of(const boost::json::object& object) {
  const auto* data = object.if_contains("data");
  if (data == nullptr || !data->is_object() || data->get_object().empty() || data->get_object().size() > kFormsMax)
    return {};
  RichResult result;
  for (const auto& [mime, form] : data->get_object()) {
    if (!is_mime(mime) || !form.is_string()) return {};
    result.forms.emplace_back(mime, form.get_string());
  }
  return result;
}

ProgramError error_of(const boost::json::object& record) {
  return {text_of(record, "name"), text_of(record, "value"), text_of(record, "traceback")};
}

void Lines::add(std::string_view piece) {
  if (is_skipping_) return;
  if (line_.size() + piece.size() > kResultLineMax) return skip();
  line_ += piece;
}

}  // namespace brig::service
