#pragma once
/// Bundle: the named files that an image comes in, the members of a tar.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "image/worker/bytes.h"
#include "image/worker/tar.h"

namespace brig::image {

/// One file of a bundle: its bytes, and how many.
struct BundleFile {
  std::unique_ptr<ByteStream> bytes;
  std::uint64_t size = 0;
};

class Bundle {
 public:
  /// Of an uncompressed tar, which outlives it: members are found once, then read from where they are.
  static Result<Bundle> index(FdRef tar);

  /// kNotFound if there is none; kInvalidArgument for a link that leads nowhere or in a circle.
  Result<BundleFile> open(std::string_view path) const;
  [[nodiscard]] bool has(std::string_view path) const { return open(path).has_value(); }

 private:
  struct Place {
    MemberType type = MemberType::kFile;
    std::uint64_t begin = 0;
    std::uint64_t size = 0;
    std::string target;
  };
  explicit Bundle(FdRef tar) : tar_(tar) {}
  FdRef tar_;
  std::map<std::string, Place, std::less<>> places_;
};

}  // namespace brig::image
