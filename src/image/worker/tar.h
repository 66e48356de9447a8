#pragma once
/// TarReader: the members of a tar, strictly: ustar, pax and GNU's long names, as container tools write them.
///
/// A reader of our own because images must come out as they are: libarchive takes names through the locale and
/// normalises them, and its sixteen other formats are not wanted here. What real layers do not have (sparse files,
/// several volumes) is refused, and so is a tar that ends without its end.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "image/worker/bytes.h"

namespace brig::image {

enum class MemberType : std::uint8_t { kFile, kFolder, kSymlink, kHardLink, kDevice, kFifo };

/// What the tar says: the path and the target are its bytes, unchecked but for NUL.
struct Member {
  MemberType type = MemberType::kFile;
  std::string path;
  std::string target;  ///< of a link
  std::uint64_t size = 0;
  std::uint32_t mode = 0;       ///< permission bits, set-id bits included
  std::int64_t mtime = 0;       ///< seconds since 1970, never less
  bool has_attributes = false;  ///< extended attributes, file capabilities among them
};

class TarReader {
 public:
  /// `from` outlives it.
  explicit TarReader(ByteStream& from) : from_(from) {}

  /// The next member, or none at the end; what was not read of the last one's contents is left out.
  Result<std::optional<Member>> next();
  /// The member's contents; 0 at their end.
  Result<std::size_t> read_some(std::span<char> buffer);
  /// Where the contents begin, in bytes from the beginning of the tar.
  [[nodiscard]] std::uint64_t position() const { return position_; }

 private:
  struct Extended;
  Result<bool> read_block(std::span<char> block);
  Result<> leave_member();
  Result<std::string> read_text(std::uint64_t size, std::string_view what);
  Result<> read_extension(char type, std::uint64_t size, Extended& extended);

  ByteStream& from_;
  std::uint64_t position_ = 0;
  std::uint64_t left_ = 0;     ///< of the member's contents
  std::uint64_t padding_ = 0;  ///< after them
};

}  // namespace brig::image
