#include "http/envelopes.h"

#include <gmock/gmock.h>

namespace brig::http {
namespace {

constexpr std::size_t kMost = std::size_t{256} << 10;

TEST(Envelopes, ComeInWhateverPieces) {
  const std::string stream = enveloped("{\"a\":1}") + enveloped("") + enveloped_end("{}");
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    EnvelopeReader reader(kMost);
    std::vector<Envelope> seen;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      reader.feed(std::string_view(stream).substr(at, piece));
      for (auto next = reader.next(); next.has_value() && next->has_value(); next = reader.next())
        seen.push_back(**next);
    }
    ASSERT_EQ(seen.size(), 3U) << piece;
    EXPECT_EQ(seen[0].payload, "{\"a\":1}");
    EXPECT_EQ(seen[1].payload, "");
    EXPECT_FALSE(seen[1].is_end);
    EXPECT_EQ(seen[2].payload, "{}");
    EXPECT_TRUE(seen[2].is_end);
    EXPECT_FALSE(reader.has_rest());
  }
}

TEST(Envelopes, AreAsTheProtocolHasThem) {
  EXPECT_EQ(enveloped("{}"), std::string("\0\0\0\0\x02{}", 7));
  EXPECT_EQ(enveloped_end("{}"), std::string("\2\0\0\0\x02{}", 7));
  EXPECT_EQ(enveloped(std::string(0x010203, 'x')).substr(0, 5), std::string("\0\0\x01\x02\x03", 5));
}

TEST(Envelopes, RefusesWhatIsTooLongBeforeItHasCome) {
  EnvelopeReader reader(kMost);
  reader.feed(std::string("\0\x7f\xff\xff\xff", 5));
  EXPECT_FALSE(reader.next().has_value());
  EnvelopeReader just(kMost);
  just.feed(enveloped(std::string(kMost, 'x')));
  ASSERT_TRUE(just.next().has_value());
  EnvelopeReader more(kMost);
  more.feed(enveloped(std::string(kMost + 1, 'x')));
  EXPECT_FALSE(more.next().has_value());
}

TEST(Envelopes, RefusesWhatIsCompressedOrUnknown) {
  for (const char flags : {'\x01', '\x03', '\x04', '\x7f', '\xff'}) {
    EnvelopeReader reader(kMost);
    reader.feed(std::string(1, flags) + std::string(4, '\0'));
    EXPECT_FALSE(reader.next().has_value()) << int{flags};
  }
}

}  // namespace
}  // namespace brig::http
