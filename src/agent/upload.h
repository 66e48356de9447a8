#pragma once
/// Upload: a file that is being written, beside the one that it replaces.
///
/// What comes goes into a file without a name (O_TMPFILE), which gets its name when all of it has come: whoever looks
/// meanwhile sees the old file or none, and of an upload that is cut nothing stays, however the agent ends. A file that
/// is replaced keeps its permission bits; its other names, and programs that have it open, keep the old contents. Where
/// the folder takes no new file (not ours, read-only, a file system that cannot do this) an existing file is written in
/// place. The last component of the path is never followed when it is a symbolic link, and what is not a regular file
/// is not written.
#include <limits.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "guest/file_messages.h"

namespace brig::agent {

/// How the name begins that a new file has while it takes another's place, for as long as two system calls take.
inline constexpr std::string_view kAsidePrefix = ".brig-write-";

// Functions return 0 or an errno.
class Upload {
 public:
  Upload() = default;
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;
  ~Upload();

  int open(const guest::WriteFile& request);
  int write(std::span<const std::byte> bytes);
  /// All has come. At most once; kExclusive is judged again.
  int finish();

 private:
  int open_in_place(const guest::WriteFile& request, int existing);
  int link_as(const char* name) const;
  int replace() const;

  int fd_ = -1;
  int folder_ = -1;  ///< where the file gets its name; -1: it is written in place
  bool is_exclusive_ = false;
  std::array<char, NAME_MAX + 1> name_;
};

}  // namespace brig::agent
