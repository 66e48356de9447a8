#include "json/separators.h"

namespace brig::json {

std::size_t count_separators(std::string_view text, std::size_t most) {
  std::size_t separators = 0;
  bool is_text = false;
  for (std::size_t at = 0; (at = text.find_first_of(is_text ? "\"\\" : "\",:[{", at)) != std::string_view::npos; ++at) {
    if (text[at] == '"') is_text = !is_text;
    else if (text[at] == '\\') ++at;  // and what it escapes
    else if (++separators > most) break;
  }
  return separators;
}

}  // namespace brig::json
