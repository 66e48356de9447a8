#include "json/few_values.h"

namespace brig::json {

bool has_few_values(std::string_view text, std::size_t most) {
  std::size_t separators = 0;
  bool is_text = false;
  for (std::size_t at = 0; (at = text.find_first_of(is_text ? "\"\\" : "\",:[{", at)) != std::string_view::npos; ++at) {
    if (text[at] == '"') is_text = !is_text;
    else if (text[at] == '\\') ++at;  // and what it escapes
    else if (++separators > most) return false;
  }
  return true;
}

}  // namespace brig::json
