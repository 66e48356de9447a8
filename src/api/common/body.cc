#include "api/common/body.h"

#include <boost/json/value.hpp>

#include "json/json.h"
#include "policy/validate.h"

namespace brig::api {

using json::Reader;

Result<json::Value> parse_object(std::string_view body) {
  auto value = TRY(json::parse(body.empty() ? "{}" : body, {.max_bytes = kBodyMax}).context("the body"));
  if (!value.is_object()) return Error(Code::kInvalidArgument, "the body must be a JSON object");
  return value;
}

Result<std::string> read_text(const Reader& at, std::size_t most) {
  const std::string_view value = TRY(at.text());
  if (value.size() > most) return at.error("longer than " + std::to_string(most) + " bytes");
  if (value.find('\0') != std::string_view::npos) return at.error("may not contain a NUL");
  return std::string(value);
}

Result<std::vector<policy::Variable>> read_variables(const Reader& at) {
  std::vector<policy::Variable> variables;
  if (at.value().is_array()) {
    for (const Reader& item : TRY(at.items())) {
      const std::string_view pair = TRY(item.text());
      const std::size_t split = pair.find('=');
      if (split == std::string_view::npos) return item.error("\"NAME=value\" is expected");
      variables.push_back({std::string(pair.substr(0, split)), std::string(pair.substr(split + 1))});
    }
  } else {
    for (const auto& [name, value] : TRY(at.entries())) {
      variables.push_back({std::string(name), std::string(TRY(value.text()))});
    }
  }
  for (const policy::Variable& variable : variables) {
    if (auto good = policy::check_variable(variable); !good) return at.error(good.error().message());
  }
  return variables;
}

Result<std::vector<policy::Variable>> read_metadata(const Reader& at) {
  std::vector<policy::Variable> pairs;
  std::size_t bytes = 0;
  for (const auto& [name, value] : TRY(at.entries())) {
    if (name.size() > kMetadataTextMax) return at.error("a name is too long");
    pairs.push_back({std::string(name), TRY(read_text(value, kMetadataTextMax))});
    bytes += name.size() + pairs.back().value.size();
    if (bytes > kMetadataBytesMax)
      return at.error("longer than " + std::to_string(kMetadataBytesMax) + " bytes in all");
  }
  if (pairs.size() > kMetadataMax) return at.error("at most " + std::to_string(kMetadataMax) + " names");
  return pairs;
}

}  // namespace brig::api
