/// The text of digests, apart from making them: who only reads templates carries no cryptography about.
#include <algorithm>

#include "base/check.h"
#include "image/digest.h"

namespace brig::image {
namespace {

constexpr std::string_view kAlgorithm = "sha256:";
constexpr std::size_t kHexDigits = 64;

}  // namespace

bool is_digest(std::string_view text) {
  if (!text.starts_with(kAlgorithm)) return false;
  text.remove_prefix(kAlgorithm.size());
  return text.size() == kHexDigits &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string_view hex_of(std::string_view digest) {
  BRIG_CHECK(is_digest(digest), "not a digest");
  return digest.substr(kAlgorithm.size());
}

}  // namespace brig::image
