#include "runtimes/engine/frames.h"

#include <gmock/gmock.h>

namespace brig::runtimes::engine {
namespace {

using ::testing::HasSubstr;

std::string frame(char stream, std::string_view payload) {
  std::string text(8, '\0');
  text[0] = stream;
  text[6] = static_cast<char>(payload.size() >> 8U);
  text[7] = static_cast<char>(payload.size() & 0xffU);
  return text + std::string(payload);
}

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(Frames, GiveTheOutputHoweverTheyAreCut) {
  const std::string text = frame(1, "one ") + frame(2, "noise") + frame(1, "") + frame(1, std::string(300, 'x'));
  for (std::size_t cut = 1; cut <= text.size(); ++cut) {
    Demultiplexer frames;
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += cut)
      ASSERT_TRUE(frames.feed(bytes_of(std::string_view(text).substr(at, cut)), out).has_value());
    EXPECT_EQ(out, "one " + std::string(300, 'x'));
    EXPECT_EQ(frames.complaint(), "noise");
  }
}

TEST(Frames, KeepLittleOfTheErrorStream) {
  Demultiplexer frames;
  std::string out;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(frames.feed(bytes_of(frame(2, std::string(300, 'e'))), out).has_value());
  EXPECT_EQ(frames.complaint().size(), kComplaintMax);
  EXPECT_EQ(out, "");
}

TEST(Frames, OfNoKindOrWithoutEndAreRefused) {
  std::string padded = frame(1, "x");
  padded[2] = 1;
  const std::string endless("\x01\0\0\0\x7f\xff\xff\xff", 8);
  for (const std::string& text : {frame(0, "x"), frame(3, "x"), padded, endless, std::string("HTTP/1.1 200")}) {
    Demultiplexer frames;
    std::string out;
    const auto fed = frames.feed(bytes_of(text), out);
    ASSERT_FALSE(fed.has_value());
    EXPECT_EQ(fed.error().code(), Code::kInvalidArgument);
    EXPECT_THAT(fed.error().message(), HasSubstr("frame"));
    EXPECT_EQ(out, "");
  }
}

}  // namespace
}  // namespace brig::runtimes::engine
