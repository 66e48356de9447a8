#include "guest/wire.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "guest/file_messages.h"
#include "guest/messages.h"

namespace brig::guest {
namespace {

constexpr std::size_t kFrameMax = kHeaderSize + kPayloadMax;

/// A frame taken apart again, as the other end does.
struct Frame {
  Header header;
  std::span<const std::byte> payload;
};

std::expected<Frame, WireError> split(std::span<const std::byte> frame) {
  const auto header = decode_header(frame.first<kHeaderSize>());
  if (!header.has_value()) return std::unexpected(header.error());
  return Frame{*header, frame.subspan(kHeaderSize)};
}

// Each field, compared by its own kind: a Codec that compares a message with another one field by field.
class Comparer {
 public:
  explicit Comparer(std::vector<std::string>& fields) : fields_(fields) {}
  bool number(auto value) { return note(std::to_string(value)); }
  bool bounded(auto value, auto, auto) { return note(std::to_string(value)); }
  bool flags(std::uint8_t value, std::uint8_t) { return note(std::to_string(value)); }
  bool text(std::string_view value, std::size_t) { return note(value); }
  bool strings(const StringList& list, std::uint16_t) {
    note(std::to_string(list.size()));
    list.for_each([&](std::string_view text) { note(text); });
    return true;
  }

 private:
  bool note(std::string_view text) {
    fields_.emplace_back(text);
    return true;
  }
  std::vector<std::string>& fields_;
};

// Fills a message with arbitrary values that are within its bounds.
class Filler {
 public:
  template <class T>
  bool number(T& value) {
    value = *rc::gen::arbitrary<T>();
    return true;
  }
  template <class T>
  bool bounded(T& value, std::type_identity_t<T> low, std::type_identity_t<T> high) {
    value = low == high ? low : *rc::gen::oneOf(rc::gen::inRange<T>(low, high), rc::gen::just(high));
    return true;
  }
  bool flags(std::uint8_t& value, std::uint8_t known) {
    value = static_cast<std::uint8_t>(*rc::gen::arbitrary<std::uint8_t>() & known);
    return true;
  }
  bool text(std::string_view& value, std::size_t max) {
    value = keep(*rc::gen::container<std::string>(rc::gen::nonZero<char>())).substr(0, max);
    return true;
  }
  bool strings(StringList& list, std::uint16_t at_least) {
    auto& buffer = buffers_.emplace_back(20'000);
    StringListWriter writer(buffer);
    const auto texts =
        *rc::gen::container<std::vector<std::string>>(rc::gen::container<std::string>(rc::gen::nonZero<char>()));
    for (const std::string& text : texts) RC_ASSERT(writer.add(text));
    for (std::uint16_t i = 0; i < at_least; ++i) RC_ASSERT(writer.add("at least one"));
    list = writer.list();
    return true;
  }

 private:
  std::string_view keep(std::string text) {
    return *texts_.emplace_back(std::make_unique<std::string>(std::move(text)));
  }
  std::vector<std::unique_ptr<std::string>> texts_;
  std::vector<std::vector<std::byte>> buffers_;
};

template <class Message>
std::vector<std::string> fields_of(const Message& message) {
  std::vector<std::string> fields;
  Comparer comparer(fields);
  Message::fields(message, comparer);
  return fields;
}

template <class Message>
void expect_round_trip() {
  Filler filler;
  Message message;
  Message::fields(message, filler);
  const auto channel = *rc::gen::arbitrary<std::uint32_t>();
  std::vector<std::byte> buffer(kFrameMax);
  const auto length = encode(message, channel, buffer);
  RC_ASSERT(length.has_value());
  const auto bytes = std::span(buffer).first(*length);
  const auto frame = split(bytes);
  RC_ASSERT(frame.has_value());
  RC_ASSERT(frame->header.length == frame->payload.size());
  RC_ASSERT(frame->header.type == Message::kType);
  RC_ASSERT(frame->header.channel == channel);
  const auto decoded = decode<Message>(frame->header, frame->payload);
  RC_ASSERT(decoded.has_value());
  RC_ASSERT(fields_of(*decoded) == fields_of(message));
  RC_ASSERT(check(frame->header, frame->payload).has_value());
  // Not a byte less, not a byte more.
  if (!frame->payload.empty()) {
    RC_ASSERT(!decode<Message>(frame->header, frame->payload.first(frame->payload.size() - 1)).has_value());
  }
  std::vector<std::byte> longer(frame->payload.begin(), frame->payload.end());
  longer.push_back(std::byte{0});
  RC_ASSERT(decode<Message>(frame->header, longer).error() == WireError::kTrailing);
  // A buffer that is too small is said to be.
  RC_ASSERT(encode(message, channel, std::span(buffer).first(*length - 1)).error() == WireError::kNoSpace);
}

#define BRIG_ROUND_TRIP(M) \
  RC_GTEST_PROP(WireRoundTrip, M, ()) { expect_round_trip<::brig::guest::M>(); }
BRIG_ROUND_TRIP(Hello)
BRIG_ROUND_TRIP(Exec)
BRIG_ROUND_TRIP(Signal)
BRIG_ROUND_TRIP(Resize)
BRIG_ROUND_TRIP(Window)
BRIG_ROUND_TRIP(Close)
BRIG_ROUND_TRIP(Stop)
BRIG_ROUND_TRIP(WriteFile)
BRIG_ROUND_TRIP(ReadFile)
BRIG_ROUND_TRIP(List)
BRIG_ROUND_TRIP(Stat)
BRIG_ROUND_TRIP(MakeDir)
BRIG_ROUND_TRIP(Move)
BRIG_ROUND_TRIP(Remove)
BRIG_ROUND_TRIP(Chmod)
BRIG_ROUND_TRIP(HelloAck)
BRIG_ROUND_TRIP(Started)
BRIG_ROUND_TRIP(Exited)
BRIG_ROUND_TRIP(Failed)
BRIG_ROUND_TRIP(Entry)
BRIG_ROUND_TRIP(Done)
BRIG_ROUND_TRIP(Closed)
BRIG_ROUND_TRIP(Dial)
BRIG_ROUND_TRIP(ListPorts)
BRIG_ROUND_TRIP(Watch)
BRIG_ROUND_TRIP(Connected)
BRIG_ROUND_TRIP(Port)
BRIG_ROUND_TRIP(Watching)
BRIG_ROUND_TRIP(Change)
#undef BRIG_ROUND_TRIP

RC_GTEST_PROP(Wire, DecodesAnyBytesWithoutHarm, (const std::vector<std::uint8_t>& bytes)) {
  const auto type = *rc::gen::elementOf(std::vector<Type>{Type::kExec, Type::kEntry, Type::kFailed, Type::kWriteFile,
                                                          Type::kMove, Type::kWatch, Type::kChange});
  const auto payload = std::as_bytes(std::span(bytes));
  (void)check({.length = static_cast<std::uint32_t>(bytes.size()), .type = type}, payload).has_value();
}

std::array<std::byte, kHeaderSize> header_bytes(const Header& header) {
  std::array<std::byte, kHeaderSize> bytes;
  encode_header(header, bytes);
  return bytes;
}

TEST(WireHeader, IsSixteenLittleEndianBytes) {
  const auto bytes =
      header_bytes({.length = 0x1234, .type = Type::kData, .stream = Stream::kErr, .channel = 0xa1b2c3d4});
  const std::array<unsigned, kHeaderSize> expected{0x34, 0x12, 0, 0, 3, 2, 0, 0, 0xd4, 0xc3, 0xb2, 0xa1, 0, 0, 0, 0};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(static_cast<unsigned>(bytes[i]), expected[i]) << i;
  EXPECT_EQ(decode_header(bytes)->channel, 0xa1b2c3d4);
}

TEST(WireHeader, RefusesWhatIsNotSpecified) {
  const auto with = [](std::size_t at, unsigned value) {
    auto bytes = header_bytes({.length = 1, .type = Type::kData, .stream = Stream::kOut, .channel = 1});
    bytes[at] = static_cast<std::byte>(value);
    return decode_header(bytes);
  };
  EXPECT_TRUE(with(4, 3).has_value());
  for (unsigned type : {0U, 10U, 15U, 27U, 63U, 75U, 255U})
    EXPECT_EQ(with(4, type).error(), WireError::kUnknownType) << type;
  for (std::size_t reserved : {6U, 7U, 12U, 13U, 14U, 15U})
    EXPECT_EQ(with(reserved, 1).error(), WireError::kReservedBits);
  EXPECT_EQ(with(5, 5).error(), WireError::kBadStream);
  EXPECT_EQ(with(4, static_cast<unsigned>(Type::kExited)).error(),
            WireError::kBadStream);  // only Data and End have one
  EXPECT_EQ(with(2, 2).error(), WireError::kTooLong);
  EXPECT_TRUE(decode_header(header_bytes({.length = kPayloadMax})).has_value());
  EXPECT_EQ(decode_header(header_bytes({.length = kPayloadMax + 1})).error(), WireError::kTooLong);
}

/// A payload written by hand.
class Payload {
 public:
  template <class T>
  Payload& number(T value) {
    const auto bytes = std::as_bytes(std::span(&value, 1));
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Payload& text(std::string_view text) {
    const auto bytes = std::as_bytes(std::span(text));
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  template <class Message>
  WireError error() const {
    const auto message =
        decode<Message>({.length = static_cast<std::uint32_t>(bytes_.size()), .type = Message::kType}, bytes_);
    EXPECT_FALSE(message.has_value());
    return message.has_value() ? WireError::kNoSpace : message.error();
  }

 private:
  std::vector<std::byte> bytes_;
};

TEST(WireMessages, RefuseLengthsAndValuesOutOfBounds) {
  EXPECT_EQ(Payload().number(std::uint8_t{0}).error<Signal>(), WireError::kBadValue);
  EXPECT_EQ(Payload().number(std::uint8_t{65}).error<Signal>(), WireError::kBadValue);
  EXPECT_EQ(Payload().number(std::uint32_t{0}).error<Window>(), WireError::kBadValue);
  EXPECT_EQ(Payload().number(kWindowMax + 1).error<Window>(), WireError::kBadValue);
  EXPECT_EQ(Payload().number(std::uint8_t{4}).error<Done>(), WireError::kBadValue);
  EXPECT_EQ(Payload().number(std::uint16_t{4096}).text(std::string(4096, 'x')).error<Stat>(), WireError::kTooLong);
  EXPECT_EQ(Payload().number(std::uint16_t{3}).text("ab").error<Stat>(), WireError::kTruncated);
  EXPECT_EQ(Payload().number(std::uint16_t{3}).text(std::string_view("a\0b", 3)).error<Stat>(), WireError::kBadValue);
  EXPECT_EQ(Payload().number(std::uint8_t{0}).number(std::uint16_t{010000}).error<WriteFile>(), WireError::kBadValue);
  EXPECT_EQ(Payload().number(std::uint16_t{0}).number(std::uint16_t{0}).error<Failed>(), WireError::kBadValue);
  EXPECT_EQ(Payload().number(std::uint16_t{0}).error<Dial>(), WireError::kBadValue);
  EXPECT_EQ(Payload().number(std::uint8_t{2}).number(std::uint16_t{0}).error<Watch>(), WireError::kBadValue);
  EXPECT_EQ(Payload().number(std::uint8_t{6}).number(std::uint8_t{0}).error<Change>(), WireError::kBadValue);
  EXPECT_EQ(Payload().number(std::uint16_t{65}).number(std::uint32_t{1}).error<List>(), WireError::kBadValue);
}

TEST(WireMessages, RefuseListsThatDoNotAddUp) {
  const auto exec = [](std::uint16_t count, std::uint32_t size) {
    return Payload()
        .number(std::uint8_t{0})
        .number(std::uint16_t{0})
        .number(std::uint16_t{0})
        .number(std::uint32_t{0})
        .number(std::uint32_t{0})
        .number(std::uint16_t{0})
        .number(count)
        .number(size);
  };
  EXPECT_EQ(exec(0, 0).error<Exec>(), WireError::kBadValue);     // no argv
  EXPECT_EQ(exec(1, 100).error<Exec>(), WireError::kTruncated);  // more than there is
  EXPECT_EQ(exec(1, 0).error<Exec>(), WireError::kTruncated);    // a string that is not there
  EXPECT_EQ(exec(1, 5).number(std::uint32_t{2}).text("x").error<Exec>(), WireError::kTruncated);
  EXPECT_EQ(exec(1, 6).number(std::uint32_t{1}).text("xy").error<Exec>(), WireError::kTrailing);
  EXPECT_EQ(exec(1, 5).number(std::uint32_t{1}).text(std::string_view("\0", 1)).error<Exec>(), WireError::kBadValue);
  EXPECT_EQ(exec(1, 4).number(std::uint32_t{0xffffffff}).error<Exec>(), WireError::kTruncated);
  EXPECT_EQ(exec(5000, 0).error<Exec>(), WireError::kTooLong);
}

TEST(StringListWriter, SaysWhenItIsFull) {
  std::array<std::byte, 10> buffer;
  StringListWriter writer(buffer);
  EXPECT_TRUE(writer.add("ab"));
  EXPECT_FALSE(writer.add("c"));
  EXPECT_TRUE(writer.add(""));
  EXPECT_FALSE(StringListWriter(buffer).add(std::string_view("\0", 1)));
  EXPECT_EQ(writer.list().size(), 2);
}

}  // namespace
}  // namespace brig::guest
