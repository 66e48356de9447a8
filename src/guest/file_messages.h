#pragma once
/// The messages about files inside the sandbox: requests, and what answers them beside Failed (messages.h) and Data.
///
/// Each lists its fields once, in wire order, for encoding and decoding alike; `fields` returns false to stop.
#include <cstdint>
#include <string_view>

#include "guest/wire.h"

namespace brig::guest {

struct WriteFile {
  static constexpr Type kType = Type::kWriteFile;
  static constexpr std::uint8_t kCreateParents = 1;
  static constexpr std::uint8_t kExclusive = 2;  ///< fails with EEXIST if there is something
  std::uint8_t flags = 0;
  std::uint16_t mode = 0;  ///< of a new file; one that is replaced keeps its own
  std::string_view path;
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.flags(m.flags, kCreateParents | kExclusive) && c.bounded(m.mode, 0, 07777) && c.text(m.path, kPathMax);
  }
};

struct ReadFile {
  static constexpr Type kType = Type::kReadFile;
  std::uint64_t offset = 0;
  std::uint64_t limit = 0;  ///< bytes at most
  std::string_view path;
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.bounded(m.offset, std::uint64_t{0}, std::uint64_t{INT64_MAX}) && c.number(m.limit) &&
           c.text(m.path, kPathMax);
  }
};

struct List {
  static constexpr Type kType = Type::kList;
  std::uint16_t depth = 0;  ///< 0 = the folder's own entries only
  std::uint32_t max_entries = 0;
  std::string_view path;
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.bounded(m.depth, 0, kDepthMax) && c.bounded(m.max_entries, 1U, kEntriesMax) && c.text(m.path, kPathMax);
  }
};

struct Stat {
  static constexpr Type kType = Type::kStat;
  std::string_view path;
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.text(m.path, kPathMax);
  }
};

struct MakeDir {
  static constexpr Type kType = Type::kMakeDir;
  static constexpr std::uint8_t kCreateParents = 1;  ///< and no error if it exists
  std::uint8_t flags = 0;
  std::uint16_t mode = 0;
  std::string_view path;
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.flags(m.flags, kCreateParents) && c.bounded(m.mode, 0, 07777) && c.text(m.path, kPathMax);
  }
};

struct Move {
  static constexpr Type kType = Type::kMove;
  std::string_view from;
  std::string_view to;
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.text(m.from, kPathMax) && c.text(m.to, kPathMax);
  }
};

struct Remove {
  static constexpr Type kType = Type::kRemove;
  static constexpr std::uint8_t kRecursive = 1;
  std::uint8_t flags = 0;
  std::string_view path;
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.flags(m.flags, kRecursive) && c.text(m.path, kPathMax);
  }
};

struct Chmod {
  static constexpr Type kType = Type::kChmod;
  std::uint16_t mode = 0;
  std::string_view path;
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.bounded(m.mode, 0, 07777) && c.text(m.path, kPathMax);
  }
};

enum class FileType : std::uint8_t {
  kRegular,
  kFolder,
  kSymlink,
  kFifo,
  kSocket,
  kCharacterDevice,
  kBlockDevice,
  kUnknown
};
inline constexpr std::uint8_t kFileTypeLast = 7;

struct Entry {
  static constexpr Type kType = Type::kEntry;
  std::uint8_t file_type = 0;  ///< FileType
  std::uint16_t mode = 0;      ///< permission bits
  std::uint64_t size = 0;
  std::uint64_t allocated = 0;  ///< bytes on the disk
  std::int64_t mtime_ns = 0;
  std::uint64_t device = 0;  ///< st_dev: differs where something else is mounted
  std::string_view path;     ///< relative to the listed folder; empty in the answer to Stat
  std::string_view target;   ///< of a symbolic link
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.bounded(m.file_type, 0, kFileTypeLast) && c.bounded(m.mode, 0, 07777) && c.number(m.size) &&
           c.number(m.allocated) && c.number(m.mtime_ns) && c.number(m.device) && c.text(m.path, kPathMax) &&
           c.text(m.target, kPathMax);
  }
};

/// Tell what changes in a folder, or of a file. Answered by Watching or Failed; then Change, and Done when the watched
/// place itself is gone.
struct Watch {
  static constexpr Type kType = Type::kWatch;
  static constexpr std::uint8_t kRecursive = 1;  ///< and in the folders below it
  std::uint8_t flags = 0;
  std::string_view path;
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.flags(m.flags, kRecursive) && c.text(m.path, kPathMax);
  }
};

struct Watching {
  static constexpr Type kType = Type::kWatching;
  template <class Self, class Codec>
  static bool fields(Self&, Codec&) {
    return true;
  }
};

enum class ChangeKind : std::uint8_t {
  kCreated,
  kModified,  ///< contents, mode or times
  kRemoved,
  kMoved,     ///< from `from` to `path`; both are watched
  kOverflow,  ///< changes were lost: look again
  kLimited,   ///< too many folders: `path` and others from now on are not watched
};
inline constexpr std::uint8_t kChangeKindLast = 5;

struct Change {
  static constexpr Type kType = Type::kChange;
  static constexpr std::uint8_t kFolder = 1;
  std::uint8_t kind = 0;  ///< ChangeKind
  std::uint8_t flags = 0;
  std::string_view path;  ///< relative to the watched place; empty: that itself
  std::string_view from;
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.bounded(m.kind, 0, kChangeKindLast) && c.flags(m.flags, kFolder) && c.text(m.path, kPathMax) &&
           c.text(m.from, kPathMax);
  }
};

/// The operation worked, or ended as it should; the channel is over.
struct Done {
  static constexpr Type kType = Type::kDone;
  static constexpr std::uint8_t kTruncated = 1;  ///< the listing left something out
  std::uint8_t flags = 0;
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.flags(m.flags, kTruncated);
  }
};

}  // namespace brig::guest
