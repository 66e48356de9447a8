#include "attack/snippets.h"

#include <boost/json/value.hpp>

#include "json/json.h"
#include "json/reader.h"

namespace brig::attack {
namespace {

/// A number or a text, as text.
Result<std::string> name_of(const json::Reader& object, std::string_view key) {
  const json::Reader value = TRY(object.at(key));
  if (value.value().is_string()) return std::string(TRY(value.text()));
  return std::to_string(TRY(value.integer()));
}

}  // namespace

Result<std::vector<Snippet>> parse_corpus(std::string_view text) {
  std::vector<Snippet> snippets;
  std::size_t number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    at = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = "line " + std::to_string(number);
    const json::Value value = TRY(json::parse(line).context(where));
    const json::Reader object(value);
    Snippet snippet;
    snippet.category = TRY(name_of(object, "category").context(where));
    snippet.item = TRY(name_of(object, "item").context(where));
    const json::Reader code = TRY(object.at("code").context(where));
    snippet.code = std::string(TRY(code.text().context(where)));
    snippets.push_back(std::move(snippet));
  }
  if (snippets.empty()) return Error(Code::kInvalidArgument, "there is no snippet in it");
  return snippets;
}

}  // namespace brig::attack
