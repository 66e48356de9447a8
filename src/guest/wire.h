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
/// buffer. The messages are in messages.h and file_messages.h; README.md has their table and the rules of order, which
/// the two ends check.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <span>
#include <string_view>

namespace brig::guest {

inline constexpr std::uint32_t kProtocolVersion = 2;
inline constexpr std::size_t kHeaderSize = 16;
inline constexpr std::size_t kPayloadMax = 64 * 1024;
inline constexpr std::size_t kPathMax = 4095;                  ///< bytes, without NUL
inline constexpr std::size_t kTextMax = 200;                   ///< bytes of explanation in Failed
inline constexpr std::size_t kStringsMax = 4096;               ///< strings in an argv or environment
inline constexpr std::uint32_t kEntriesMax = 65'536;           ///< entries in one listing
inline constexpr std::size_t kListBytesMax = 8 * 1024 * 1024;  ///< payload bytes of one listing
inline constexpr std::uint16_t kDepthMax = 64;                 ///< folders below the listed one
inline constexpr std::uint32_t kChannelsMax = 256;             ///< open at once
/// Of them to ports: visitors who hold theirs open for ever leave room for what the sandbox's owner does.
inline constexpr std::uint32_t kDialsMax = 128;
inline constexpr std::size_t kPortsMax = 512;          ///< ports in one answer
inline constexpr std::size_t kChangeCost = 64;         ///< credit that a Change takes beside its payload
inline constexpr std::size_t kWatchFoldersMax = 1024;  ///< folders that one Watch looks at

/// Credit at the opening of a channel: bytes of Data (and Entry, Change) payload that may be under way. Window gives
/// more.
inline constexpr std::uint32_t kStdinWindow =
    64 * 1024;                                        ///< to an exec or a dial; small because the agent must hold it
inline constexpr std::uint32_t kWindow = 256 * 1024;  ///< everything else
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
  kDial = 24,
  kListPorts = 25,
  kWatch = 26,
  // guest to host
  kHelloAck = 64,
  kStarted = 65,
  kExited = 66,
  kFailed = 67,
  kEntry = 68,
  kDone = 69,
  kClosed = 70,
  kConnected = 71,
  kPort = 72,
  kWatching = 73,
  kChange = 74,
};

/// Which bytes a Data or End frame is about; zero in every other frame.
enum class Stream : std::uint8_t {
  kIn = 0,   ///< to the guest: standard input, the contents of a file that is being written, or to a port
  kOut = 1,  ///< standard output, the terminal, or from a port
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

/// Writes a whole frame (header and payload) and returns its length. kNoSpace, or what is wrong with a field.
template <class Message>
std::expected<std::size_t, WireError> encode(const Message& message, std::uint32_t channel, std::span<std::byte> out);

/// Reads a payload. `header.type` must be Message's.
template <class Message>
std::expected<Message, WireError> decode(const Header& header, std::span<const std::byte> payload);

/// Decodes the payload whatever its type and throws the message away: is this frame well-formed?
std::expected<void, WireError> check(const Header& header, std::span<const std::byte> payload);

}  // namespace brig::guest
