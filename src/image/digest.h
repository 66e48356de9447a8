#pragma once
/// Sha256 and Digest: what names an image, a layer, a manifest.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace brig::image {

/// SHA-256 of what comes piece by piece.
class Sha256 {
 public:
  Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  ~Sha256();
  void update(std::string_view bytes);
  /// "sha256:<64 hex digits>" of everything so far. Once.
  std::string finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string digest_of(std::string_view bytes);
/// Of the whole file, read from its beginning; the descriptor's own place is left alone. Blocks.
Result<std::string> digest_of(FdRef file);

/// Whether `text` is "sha256:" and 64 lower-case hexadecimal digits: the only algorithm that is accepted anywhere.
[[nodiscard]] bool is_digest(std::string_view text);
/// The hexadecimal part.
std::string_view hex_of(std::string_view digest);

}  // namespace brig::image
