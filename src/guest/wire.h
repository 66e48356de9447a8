#pragma once
/// The guest protocol on the wire: frames between the host and the agent inside a sandbox, the same behind every wall.
///
/// Pure: no I/O, no heap, no exceptions; the agent and the host share it. A frame is a header of 16 bytes and at most
/// 64 KiB of payload, all integers little-endian:
///
///     0  u32 length of the payload      4  u8 type      5  u8 stream      6  u16 zero      8  u32 channel      12  u32
///     zero
///
/// Decoding trusts nothing: unknown type, set reserved bits, a length or count over its bound, missing and trailing
/// bytes are each a typed error. Strings are bytes (no encoding is promised) without NUL; views point into the caller's
/// buffer. README.md has the table of messages and the rules of order; which message is legal when is checked by the
/// two ends.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <span>
#include <string_view>

namespace brig::guest {

inline constexpr std::uint32_t kProtocolVersion = 1;
inline constexpr std::size_t kHeaderSize = 16;
inline constexpr std::size_t kPayloadMax = 64 * 1024;
inline constexpr std::size_t kPathMax = 4095;                  ///< bytes, without NUL
inline constexpr std::size_t kTextMax = 200;                   ///< bytes of explanation in Failed
inline constexpr std::size_t kStringsMax = 4096;               ///< strings in an argv or environment
inline constexpr std::uint32_t kEntriesMax = 65'536;           ///< entries in one listing
inline constexpr std::size_t kListBytesMax = 8 * 1024 * 1024;  ///< payload bytes of one listing
inline constexpr std::uint16_t kDepthMax = 64;                 ///< folders below the listed one
inline constexpr std::uint32_t kChannelsMax = 256;             ///< open at once

/// Credit at the opening of a channel: bytes of Data (and Entry) payload that may be under way. Window gives more.
inline constexpr std::uint32_t kStdinWindow = 64 * 1024;  ///< to an exec; small because the agent must hold it
inline constexpr std::uint32_t kWindow = 256 * 1024;      ///< everything else
inline constexpr std::uint32_t kWindowMax = 1024 * 1024;  ///< credit that a Window may bring a channel to

enum class Type : std::uint8_t {
  // both ways
  kData = 3,
  kEnd = 4,
  kWindow = 7,
  // host to guest
  kHello = 1,
  kExec = 2,
  kSignal = 5,
  kResize = 6,
  kClose = 8,
  kStop = 9,
  kWriteFile = 16,
  kReadFile = 17,
  kList = 18,
  kStat = 19,
  kMakeDir = 20,
  kMove = 21,
  kRemove = 22,
  kChmod = 23,
  // guest to host
  kHelloAck = 64,
  kStarted = 65,
  kExited = 66,
  kFailed = 67,
  kEntry = 68,
  kDone = 69,
  kClosed = 70,
};

/// Which bytes a Data or End frame is about; zero in every other frame.
enum class Stream : std::uint8_t {
  kIn = 0,   ///< to the guest: standard input, or the contents of a file that is being written
  kOut = 1,  ///< standard output, or the terminal
  kErr = 2,
  kResults = 3,  ///< what the program wrote to descriptor 3
  kFile = 4,     ///< the contents of a file that is being read
};
inline constexpr std::uint8_t kStreamCount = 5;

enum class WireError : std::uint8_t {
  kUnknownType,
  kReservedBits,
  kBadStream,
  kTooLong,    ///< a length or count over its bound
  kTruncated,  ///< the payload ends inside a field
  kTrailing,   ///< bytes after the last field
  kBadValue,   ///< an enumerator, flag or number out of range
  kNoSpace,    ///< encoding: the caller's buffer, or kPayloadMax, is too small
};
std::string_view to_string(WireError error);

struct Header {
  std::uint32_t length = 0;
  Type type = Type::kData;
  Stream stream = Stream::kIn;
  std::uint32_t channel = 0;
  bool operator==(const Header&) const = default;
};

void encode_header(const Header& header, std::span<std::byte, kHeaderSize> out);
std::expected<Header, WireError> decode_header(std::span<const std::byte, kHeaderSize> bytes);

/// A list of strings as it lies in a payload: each a u32 length and its bytes. Checked when it is decoded.
class StringList {
 public:
  StringList() = default;
  /// `encoded` must hold exactly `count` strings: use StringListWriter.
  StringList(std::uint16_t count, std::span<const std::byte> encoded) : count_(count), encoded_(encoded) {}
  [[nodiscard]] std::uint16_t size() const { return count_; }
  [[nodiscard]] std::span<const std::byte> encoded() const { return encoded_; }
  /// Calls `visit(std::string_view)` for each, in order.
  template <class Visit>
  void for_each(Visit visit) const {
    std::span<const std::byte> rest = encoded_;
    for (std::uint16_t i = 0; i < count_; ++i) {
      std::uint32_t length = 0;
      std::memcpy(&length, rest.data(), sizeof length);
      visit(std::string_view(reinterpret_cast<const char*>(rest.data() + sizeof length), length));
      rest = rest.subspan(sizeof length + length);
    }
  }

 private:
  std::uint16_t count_ = 0;
  std::span<const std::byte> encoded_;
};

/// Builds a StringList in the caller's buffer.
class StringListWriter {
 public:
  explicit StringListWriter(std::span<std::byte> buffer) : buffer_(buffer) {}
  /// False if it does not fit, or contains NUL.
  [[nodiscard]] bool add(std::string_view text);
  [[nodiscard]] StringList list() const { return {count_, buffer_.first(used_)}; }

 private:
  std::span<std::byte> buffer_;
  std::size_t used_ = 0;
  std::uint16_t count_ = 0;
};

// ---- Messages. Each lists its fields once, in wire order, for encoding and decoding alike; `fields` returns false to
// stop. ----

struct Hello {
  static constexpr Type kType = Type::kHello;
  std::uint32_t version = kProtocolVersion;
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.number(m.version);
  }
};

struct Exec {
  static constexpr Type kType = Type::kExec;
  static constexpr std::uint8_t kTerminal = 1;  ///< a terminal instead of pipes, rows x columns
  static constexpr std::uint8_t kHasStdin = 2;  ///< a pipe (else /dev/null); Data and End follow
  static constexpr std::uint8_t kResults = 4;   ///< descriptor 3 is a pipe whose bytes come back as Stream::kResults
  std::uint8_t flags = 0;
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
  std::uint32_t user = 0;  ///< reserved: 0
  std::string_view cwd;
  StringList argv;  ///< at least one
  StringList env;   ///< "NAME=value", all of it: nothing is inherited
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.flags(m.flags, kTerminal | kHasStdin | kResults) && c.number(m.rows) && c.number(m.columns) &&
           c.bounded(m.user, 0U, 0U) && c.text(m.cwd, kPathMax) && c.strings(m.argv, 1) && c.strings(m.env, 0);
  }
};

struct Signal {
  static constexpr Type kType = Type::kSignal;
  std::uint8_t number = 0;  ///< 1–64, to the whole process group
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.bounded(m.number, 1, 64);
  }
};

struct Resize {
  static constexpr Type kType = Type::kResize;
  std::uint16_t rows = 0;
  std::uint16_t columns = 0;
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.number(m.rows) && c.number(m.columns);
  }
};

/// More credit for the other side's Data on this channel.
struct Window {
  static constexpr Type kType = Type::kWindow;
  std::uint32_t bytes = 0;
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.bounded(m.bytes, 1U, kWindowMax);
  }
};

/// Forget the channel: what runs in it is killed, what is open in it closed. Answered by Closed unless it had just
/// ended.
struct Close {
  static constexpr Type kType = Type::kClose;
  template <class Self, class Codec>
  static bool fields(Self&, Codec&) {
    return true;
  }
};

/// End every process of the sandbox, and yourself.
struct Stop {
  static constexpr Type kType = Type::kStop;
  template <class Self, class Codec>
  static bool fields(Self&, Codec&) {
    return true;
  }
};

struct WriteFile {
  static constexpr Type kType = Type::kWriteFile;
  static constexpr std::uint8_t kCreateParents = 1;
  static constexpr std::uint8_t kExclusive = 2;  ///< fails with EEXIST if there is something
  std::uint8_t flags = 0;
  std::uint16_t mode = 0;
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

struct HelloAck {
  static constexpr Type kType = Type::kHelloAck;
  std::uint32_t version = kProtocolVersion;
  std::uint32_t features = 0;  ///< bits for additions that do not change the version; none yet
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.number(m.version) && c.number(m.features);
  }
};

struct Started {
  static constexpr Type kType = Type::kStarted;
  std::uint32_t pid = 0;  ///< inside
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.bounded(m.pid, 1U, std::uint32_t{INT32_MAX});
  }
};

struct Exited {
  static constexpr Type kType = Type::kExited;
  static constexpr std::uint8_t kSignalled = 1;  ///< `value` is the signal, else the exit code
  static constexpr std::uint8_t kDiskFull = 2;   ///< the working folder's file system had no free block or inode
  std::uint8_t flags = 0;
  std::uint8_t value = 0;
  std::uint64_t user_us = 0;
  std::uint64_t system_us = 0;
  std::uint64_t max_rss = 0;  ///< bytes
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.flags(m.flags, kSignalled | kDiskFull) && c.number(m.value) && c.number(m.user_us) &&
           c.number(m.system_us) && c.number(m.max_rss);
  }
};

/// The operation did not work; the channel is over.
struct Failed {
  static constexpr Type kType = Type::kFailed;
  std::uint16_t os_error = 0;
  std::string_view text;  ///< what was being done
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.bounded(m.os_error, 1, 4095) && c.text(m.text, kTextMax);
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

/// The file operation worked; the channel is over.
struct Done {
  static constexpr Type kType = Type::kDone;
  static constexpr std::uint8_t kTruncated = 1;  ///< the listing left something out
  std::uint8_t flags = 0;
  template <class Self, class Codec>
  static bool fields(Self& m, Codec& c) {
    return c.flags(m.flags, kTruncated);
  }
};

struct Closed {
  static constexpr Type kType = Type::kClosed;
  template <class Self, class Codec>
  static bool fields(Self&, Codec&) {
    return true;
  }
};

/// Writes a whole frame (header and payload) and returns its length. kNoSpace, or what is wrong with a field.
template <class Message>
std::expected<std::size_t, WireError> encode(const Message& message, std::uint32_t channel, std::span<std::byte> out);

/// Reads a payload. `header.type` must be Message's.
template <class Message>
std::expected<Message, WireError> decode(const Header& header, std::span<const std::byte> payload);

/// Decodes the payload whatever its type and throws the message away: is this frame well-formed?
std::expected<void, WireError> check(const Header& header, std::span<const std::byte> payload);

}  // namespace brig::guest
