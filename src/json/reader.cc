#include "json/reader.h"

#include <algorithm>

#include <boost/json/value.hpp>

#include "base/text.h"

namespace brig::json {
namespace {

std::string_view kind_of(const Value& value) {
  switch (value.kind()) {
    case boost::json::kind::null: return "null";
    case boost::json::kind::bool_: return "true or false";
    case boost::json::kind::int64:
    case boost::json::kind::uint64:
    case boost::json::kind::double_: return "a number";
    case boost::json::kind::string: return "a string";
    case boost::json::kind::array: return "an array";
    case boost::json::kind::object: return "an object";
  }
  return "something else";
}

bool is_plain_key(std::string_view key) {
  return !key.empty() && key.size() <= 64 && std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

std::string_view view(boost::json::string_view text) { return {text.data(), text.size()}; }

}  // namespace

bool Reader::is_null() const { return value_->is_null(); }

Error Reader::error(std::string_view what) const { return {Code::kInvalidArgument, path_ + ": " + std::string(what)}; }

Error Reader::expected(std::string_view what) const {
  return error("expected " + std::string(what) + ", found " + std::string(kind_of(*value_)));
}

Reader Reader::child(std::string_view key, const Value& value) const {
  return Reader(value, is_plain_key(key) ? path_ + "." + std::string(key) : path_ + "[\"" + printable(key, 64) + "\"]");
}

Result<std::string_view> Reader::text() const {
  const auto* text = value_->if_string();
  if (text == nullptr) return expected("a string");
  return std::string_view(text->data(), text->size());
}

Result<bool> Reader::boolean() const {
  const bool* value = value_->if_bool();
  if (value == nullptr) return expected("true or false");
  return *value;
}

Result<std::int64_t> Reader::integer(std::int64_t least, std::int64_t most) const {
  if (!value_->is_number()) return expected("a whole number");
  if (value_->is_double()) return error("expected a whole number");
  const std::int64_t* value = value_->if_int64();  // a uint64 is above every int64
  if (value == nullptr || *value < least || *value > most) {
    return error("expected a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return *value;
}

Result<double> Reader::number() const {
  if (const double* value = value_->if_double()) return *value;
  if (const std::int64_t* value = value_->if_int64()) return static_cast<double>(*value);
  if (const std::uint64_t* value = value_->if_uint64()) return static_cast<double>(*value);
  return expected("a number");
}

Result<std::vector<Reader>> Reader::items() const {
  const auto* array = value_->if_array();
  if (array == nullptr) return expected("an array");
  std::vector<Reader> readers;
  readers.reserve(array->size());
  for (const Value& item : *array) readers.emplace_back(item, path_ + "[" + std::to_string(readers.size()) + "]");
  return readers;
}

Result<std::optional<Reader>> Reader::find(std::string_view key) const {
  const auto* object = value_->if_object();
  if (object == nullptr) return expected("an object");
  const Value* value = object->if_contains({key.data(), key.size()});
  if (value == nullptr) return std::optional<Reader>();
  return std::optional<Reader>(child(key, *value));
}

Result<std::optional<Reader>> Reader::given(std::string_view key) const {
  auto found = TRY(find(key));
  if (found && found->is_null()) return std::optional<Reader>();
  return found;
}

Result<Reader> Reader::at(std::string_view key) const {
  auto found = TRY(find(key));
  if (!found) return error("the key \"" + std::string(key) + "\" is missing");
  return *std::move(found);
}

Result<> Reader::only(std::span<const std::string_view> known) const {
  const auto* object = value_->if_object();
  if (object == nullptr) return expected("an object");
  for (const auto& entry : *object) {
    const std::string_view key = view(entry.key());
    if (std::ranges::find(known, key) == known.end()) {
      return error("unknown key \"" + printable(key, 64) + "\"" + did_you_mean(key, known));
    }
  }
  return {};
}

Result<std::vector<std::pair<std::string_view, Reader>>> Reader::entries() const {
  const auto* object = value_->if_object();
  if (object == nullptr) return expected("an object");
  std::vector<std::pair<std::string_view, Reader>> entries;
  entries.reserve(object->size());
  for (const auto& entry : *object) entries.emplace_back(view(entry.key()), child(view(entry.key()), entry.value()));
  return entries;
}

}  // namespace brig::json
