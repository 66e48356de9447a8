#include "guest/wire.h"

#include <bit>
#include <concepts>
#include <type_traits>

#include "guest/file_messages.h"
#include "guest/messages.h"

namespace brig::guest {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the wire is little-endian and numbers are copied as they lie");

template <class T>
concept Number = std::integral<T> && !std::same_as<T, bool>;

/// Walks a message's fields and appends each. The first failure sticks.
class Writer {
 public:
  explicit Writer(std::span<std::byte> out) : out_(out) {}

  bool number(Number auto value) {
    std::array<std::byte, sizeof value> bytes;
    std::memcpy(bytes.data(), &value, sizeof value);
    return append(bytes);
  }
  template <Number T>
  bool bounded(T value, std::type_identity_t<T> low, std::type_identity_t<T> high) {
    if (value < low || value > high) return fail(WireError::kBadValue);
    return number(value);
  }
  bool flags(std::uint8_t value, std::uint8_t known) {
    if ((value & ~known) != 0) return fail(WireError::kBadValue);
    return number(value);
  }
  bool text(std::string_view value, std::size_t max) {
    if (value.size() > max) return fail(WireError::kTooLong);
    if (value.contains('\0')) return fail(WireError::kBadValue);
    return number(static_cast<std::uint16_t>(value.size())) && append(std::as_bytes(std::span(value)));
  }
  bool strings(const StringList& list, std::uint16_t at_least) {
    if (list.size() < at_least) return fail(WireError::kBadValue);
    if (list.size() > kStringsMax) return fail(WireError::kTooLong);
    return number(list.size()) && number(static_cast<std::uint32_t>(list.encoded().size())) && append(list.encoded());
  }

  [[nodiscard]] std::size_t used() const { return used_; }
  [[nodiscard]] WireError error() const { return error_; }

 private:
  bool fail(WireError error) {
    error_ = error;
    return false;
  }
  bool append(std::span<const std::byte> bytes) {
    if (bytes.size() > out_.size() - used_) return fail(WireError::kNoSpace);
    if (!bytes.empty()) std::memcpy(out_.data() + used_, bytes.data(), bytes.size());
    used_ += bytes.size();
    return true;
  }

  std::span<std::byte> out_;
  std::size_t used_ = 0;
  WireError error_ = WireError::kNoSpace;
};

/// Walks the same fields and reads each from what is left of the payload.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> in) : in_(in) {}

  template <Number T>
  bool number(T& value) {
    if (in_.size() < sizeof value) return fail(WireError::kTruncated);
    std::memcpy(&value, in_.data(), sizeof value);
    in_ = in_.subspan(sizeof value);
    return true;
  }
  template <Number T>
  bool bounded(T& value, std::type_identity_t<T> low, std::type_identity_t<T> high) {
    if (!number(value)) return false;
    return (value >= low && value <= high) || fail(WireError::kBadValue);
  }
  bool flags(std::uint8_t& value, std::uint8_t known) {
    if (!number(value)) return false;
    return (value & ~known) == 0 || fail(WireError::kBadValue);
  }
  bool text(std::string_view& value, std::size_t max) {
    std::uint16_t length = 0;
    if (!number(length)) return false;
    if (length > max) return fail(WireError::kTooLong);
    std::span<const std::byte> bytes;
    if (!take(length, bytes)) return false;
    value = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    return !value.contains('\0') || fail(WireError::kBadValue);
  }
  bool strings(StringList& list, std::uint16_t at_least) {
    std::uint16_t count = 0;
    std::uint32_t size = 0;
    if (!number(count) || !number(size)) return false;
    if (count < at_least) return fail(WireError::kBadValue);
    if (count > kStringsMax) return fail(WireError::kTooLong);
    std::span<const std::byte> encoded;
    if (!take(size, encoded)) return false;
    Reader items(encoded);
    for (std::uint16_t i = 0; i < count; ++i) {
      std::uint32_t length = 0;
      std::span<const std::byte> bytes;
      if (!items.number(length) || !items.take(length, bytes)) return fail(WireError::kTruncated);
      if (std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()).contains('\0')) {
        return fail(WireError::kBadValue);
      }
    }
    if (!items.in_.empty()) return fail(WireError::kTrailing);
    list = {count, encoded};
    return true;
  }

  [[nodiscard]] bool is_at_end() const { return in_.empty(); }
  [[nodiscard]] WireError error() const { return error_; }

 private:
  bool fail(WireError error) {
    error_ = error;
    return false;
  }
  bool take(std::size_t count, std::span<const std::byte>& bytes) {
    if (count > in_.size()) return fail(WireError::kTruncated);
    bytes = in_.first(count);
    in_ = in_.subspan(count);
    return true;
  }

  std::span<const std::byte> in_;
  WireError error_ = WireError::kTruncated;
};

bool is_known(std::uint8_t type) {
  return (type >= 1 && type <= 9) || (type >= 16 && type <= 26) || (type >= 64 && type <= 74);
}

bool has_stream(Type type) { return type == Type::kData || type == Type::kEnd; }

}  // namespace

std::string_view to_string(WireError error) {
  switch (error) {
    case WireError::kUnknownType: return "unknown message type";
    case WireError::kReservedBits: return "reserved bits are set";
    case WireError::kBadStream: return "bad stream number";
    case WireError::kTooLong: return "a length is over its bound";
    case WireError::kTruncated: return "the message ends too early";
    case WireError::kTrailing: return "bytes after the end of the message";
    case WireError::kBadValue: return "a value is out of range";
    case WireError::kNoSpace: return "the message does not fit in a frame";
  }
  return "malformed";
}

void encode_header(const Header& header, std::span<std::byte, kHeaderSize> out) {
  std::memset(out.data(), 0, out.size());
  std::memcpy(out.data(), &header.length, 4);
  out[4] = static_cast<std::byte>(header.type);
  out[5] = static_cast<std::byte>(header.stream);
  std::memcpy(out.data() + 8, &header.channel, 4);
}

std::expected<Header, WireError> decode_header(std::span<const std::byte, kHeaderSize> bytes) {
  Header header;
  std::uint16_t reserved = 0;
  std::uint32_t spare = 0;
  std::memcpy(&header.length, bytes.data(), 4);
  const auto type = static_cast<std::uint8_t>(bytes[4]);
  const auto stream = static_cast<std::uint8_t>(bytes[5]);
  std::memcpy(&reserved, bytes.data() + 6, 2);
  std::memcpy(&header.channel, bytes.data() + 8, 4);
  std::memcpy(&spare, bytes.data() + 12, 4);
  if (!is_known(type)) return std::unexpected(WireError::kUnknownType);
  if (reserved != 0 || spare != 0) return std::unexpected(WireError::kReservedBits);
  if (header.length > kPayloadMax) return std::unexpected(WireError::kTooLong);
  header.type = static_cast<Type>(type);
  if (stream >= kStreamCount || (stream != 0 && !has_stream(header.type)))
    return std::unexpected(WireError::kBadStream);
  header.stream = static_cast<Stream>(stream);
  return header;
}

bool StringListWriter::add(std::string_view text) {
  if (text.contains('\0') || count_ == kStringsMax) return false;
  const auto length = static_cast<std::uint32_t>(text.size());
  if (text.size() > kPayloadMax || sizeof length + text.size() > buffer_.size() - used_) return false;
  std::memcpy(buffer_.data() + used_, &length, sizeof length);
  if (length > 0) std::memcpy(buffer_.data() + used_ + sizeof length, text.data(), text.size());
  used_ += sizeof length + text.size();
  ++count_;
  return true;
}

template <class Message>
std::expected<std::size_t, WireError> encode(const Message& message, std::uint32_t channel, std::span<std::byte> out) {
  if (out.size() < kHeaderSize) return std::unexpected(WireError::kNoSpace);
  const std::span<std::byte> room = out.subspan(kHeaderSize);
  Writer writer(room.first(room.size() < kPayloadMax ? room.size() : kPayloadMax));
  if (!Message::fields(message, writer)) return std::unexpected(writer.error());
  encode_header({.length = static_cast<std::uint32_t>(writer.used()), .type = Message::kType, .channel = channel},
                out.first<kHeaderSize>());
  return kHeaderSize + writer.used();
}

template <class Message>
std::expected<Message, WireError> decode(const Header& header, std::span<const std::byte> payload) {
  if (header.type != Message::kType) return std::unexpected(WireError::kUnknownType);
  Message message;
  Reader reader(payload);
  if (!Message::fields(message, reader)) return std::unexpected(reader.error());
  if (!reader.is_at_end()) return std::unexpected(WireError::kTrailing);
  return message;
}

namespace {

template <class Message>
std::expected<void, WireError> check_as(const Header& header, std::span<const std::byte> payload) {
  const auto message = decode<Message>(header, payload);
  if (!message.has_value()) return std::unexpected(message.error());
  return {};
}

}  // namespace

std::expected<void, WireError> check(const Header& header, std::span<const std::byte> payload) {
  switch (header.type) {
    case Type::kData: return {};
    case Type::kEnd:
      if (!payload.empty()) return std::unexpected(WireError::kTrailing);
      return {};
    case Type::kWindow: return check_as<Window>(header, payload);
    case Type::kHello: return check_as<Hello>(header, payload);
    case Type::kExec: return check_as<Exec>(header, payload);
    case Type::kSignal: return check_as<Signal>(header, payload);
    case Type::kResize: return check_as<Resize>(header, payload);
    case Type::kClose: return check_as<Close>(header, payload);
    case Type::kStop: return check_as<Stop>(header, payload);
    case Type::kWriteFile: return check_as<WriteFile>(header, payload);
    case Type::kReadFile: return check_as<ReadFile>(header, payload);
    case Type::kList: return check_as<List>(header, payload);
    case Type::kStat: return check_as<Stat>(header, payload);
    case Type::kMakeDir: return check_as<MakeDir>(header, payload);
    case Type::kMove: return check_as<Move>(header, payload);
    case Type::kRemove: return check_as<Remove>(header, payload);
    case Type::kChmod: return check_as<Chmod>(header, payload);
    case Type::kHelloAck: return check_as<HelloAck>(header, payload);
    case Type::kStarted: return check_as<Started>(header, payload);
    case Type::kExited: return check_as<Exited>(header, payload);
    case Type::kFailed: return check_as<Failed>(header, payload);
    case Type::kEntry: return check_as<Entry>(header, payload);
    case Type::kDone: return check_as<Done>(header, payload);
    case Type::kClosed: return check_as<Closed>(header, payload);
    case Type::kDial: return check_as<Dial>(header, payload);
    case Type::kListPorts: return check_as<ListPorts>(header, payload);
    case Type::kWatch: return check_as<Watch>(header, payload);
    case Type::kConnected: return check_as<Connected>(header, payload);
    case Type::kPort: return check_as<Port>(header, payload);
    case Type::kWatching: return check_as<Watching>(header, payload);
    case Type::kChange: return check_as<Change>(header, payload);
  }
  return std::unexpected(WireError::kUnknownType);
}

// Every message is instantiated here, so that the templates' bodies stay out of the header.
#define BRIG_MESSAGE(M)                                                                                    \
  template std::expected<std::size_t, WireError> encode<M>(const M&, std::uint32_t, std::span<std::byte>); \
  template std::expected<M, WireError> decode<M>(const Header&, std::span<const std::byte>);
BRIG_MESSAGE(Hello)
BRIG_MESSAGE(Exec)
BRIG_MESSAGE(Signal)
BRIG_MESSAGE(Resize)
BRIG_MESSAGE(Window)
BRIG_MESSAGE(Close)
BRIG_MESSAGE(Stop)
BRIG_MESSAGE(WriteFile)
BRIG_MESSAGE(ReadFile)
BRIG_MESSAGE(List)
BRIG_MESSAGE(Stat)
BRIG_MESSAGE(MakeDir)
BRIG_MESSAGE(Move)
BRIG_MESSAGE(Remove)
BRIG_MESSAGE(Chmod)
BRIG_MESSAGE(HelloAck)
BRIG_MESSAGE(Started)
BRIG_MESSAGE(Exited)
BRIG_MESSAGE(Failed)
BRIG_MESSAGE(Entry)
BRIG_MESSAGE(Done)
BRIG_MESSAGE(Closed)
BRIG_MESSAGE(Dial)
BRIG_MESSAGE(ListPorts)
BRIG_MESSAGE(Watch)
BRIG_MESSAGE(Connected)
BRIG_MESSAGE(Port)
BRIG_MESSAGE(Watching)
BRIG_MESSAGE(Change)
#undef BRIG_MESSAGE

}  // namespace brig::guest
