#include "json/place.h"

namespace brig::json {

std::string to_string(Place place) { return std::to_string(place.line) + ":" + std::to_string(place.column); }

Place place_of(std::string_view text, std::size_t offset) {
  Place place;
  for (char c : text.substr(0, offset)) {
    if (c == '\n') {
      ++place.line;
      place.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xc0) != 0x80) {  // continuation bytes belong to the character before
      ++place.column;
    }
  }
  return place;
}

}  // namespace brig::json
