// Attacker: a client that sends a form with files in it. Held here: no crash, no hang; however the bytes are cut, the
// same parts come out or the same refusal; names are plain text and bounded; and the parts, written again, are read the
// same.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/text.h"
#include "http/multipart.h"

using namespace brig;
using namespace brig::http;

namespace {

constexpr MultipartLimits kLimits{.parts = 8, .head_bytes = 512, .name_bytes = 64};

struct Part {
  PartHead head;
  std::string contents;
  bool operator==(const Part&) const = default;
};

std::optional<std::vector<Part>> parts_of(std::string_view boundary, std::string_view body, std::size_t piece) {
  MultipartParser parser(boundary, kLimits);
  std::vector<Part> parts;
  bool is_open = false;
  while (true) {
    auto event = parser.next();
    if (!event) return std::nullopt;
    switch (event->kind) {
      case MultipartParser::Kind::kNeedsMore:
        if (body.empty()) parser.end();
        parser.feed(body.substr(0, piece));
        body.remove_prefix(std::min(piece, body.size()));
        break;
      case MultipartParser::Kind::kHead:
        BRIG_CHECK(!is_open, "a part in a part");
        is_open = true;
        parts.push_back({.head = std::move(event->head), .contents = {}});
        break;
      case MultipartParser::Kind::kData:
        BRIG_CHECK(is_open && !event->data.empty(), "data of nothing");
        parts.back().contents += event->data;
        break;
      case MultipartParser::Kind::kEnd:
        BRIG_CHECK(is_open, "an end of nothing");
        is_open = false;
        break;
      case MultipartParser::Kind::kDone: BRIG_CHECK(!is_open, "a part without an end"); return parts;
    }
  }
}

std::string quoted(std::string_view text) {
  std::string all = "\"";
  for (const char c : text) all += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
  return all + "\"";
}

std::string written(const std::vector<Part>& parts, std::string_view boundary) {
  std::string all;
  for (const Part& part : parts) {
    all += "--" + std::string(boundary) + "\r\nContent-Disposition: form-data; name=" + quoted(part.head.name);
    if (part.head.file_name) all += "; filename=" + quoted(*part.head.file_name);
    if (!part.head.content_type.empty()) all += "\r\nContent-Type: " + part.head.content_type;
    all += "\r\n\r\n" + part.contents + "\r\n";
  }
  return all + "--" + std::string(boundary) + "--\r\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t newline = text.find('\n');
  if (newline == std::string_view::npos) return 0;
  const auto boundary = multipart_boundary(text.substr(0, newline));
  if (!boundary) return 0;
  BRIG_CHECK(!boundary->empty() && boundary->size() <= 70, "a boundary has 1 to 70 characters");
  text.remove_prefix(newline + 1);
  const auto whole = parts_of(*boundary, text, std::max<std::size_t>(text.size(), 1));
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}})
    BRIG_CHECK(parts_of(*boundary, text, piece) == whole, "pieces are read as the whole is");
  if (!whole) return 0;
  BRIG_CHECK(whole->size() <= kLimits.parts, "too many parts");
  for (const Part& part : *whole) {
    BRIG_CHECK(part.head.name.size() <= kLimits.name_bytes && is_utf8(part.head.name), "a name is bounded text");
    // Escaping can make a head longer than it may be.
    if (part.head.name.size() + part.head.file_name.value_or("").size() + part.head.content_type.size() > 200) return 0;
  }
  if (!whole->empty())
    BRIG_CHECK(parts_of(*boundary, written(*whole, *boundary), 3) == whole, "written again, it is the same");
  return 0;
}
