// The pure parts: targets, headers, chunks, events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "http/chunked.h"
#include "http/events.h"
#include "http/head.h"
#include "http/headers.h"
#include "http/range.h"
#include "http/target.h"

namespace brig::http {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(Range, IsOneOfWhatIsThere) {
  EXPECT_EQ(parse_range("bytes=0-99", 1000), (ByteRange{0, 100}));
  EXPECT_EQ(parse_range("bytes=990-", 1000), (ByteRange{990, 10}));
  EXPECT_EQ(parse_range("bytes=990-5000", 1000), (ByteRange{990, 10}));
  EXPECT_EQ(parse_range("bytes=0-18446744073709551615", 1000), (ByteRange{0, 1000}));
  EXPECT_EQ(parse_range("bytes=-100", 1000), (ByteRange{900, 100}));
  EXPECT_EQ(parse_range("bytes=-5000", 1000), (ByteRange{0, 1000}));
  EXPECT_EQ(content_range({900, 100}, 1000), "bytes 900-999/1000");
}

TEST(Range, OfNothingIsEmpty) {
  EXPECT_EQ(parse_range("bytes=1000-", 1000)->count, 0U);
  EXPECT_EQ(parse_range("bytes=-0", 1000)->count, 0U);
  EXPECT_EQ(parse_range("bytes=0-", 0)->count, 0U);
  EXPECT_EQ(content_range({1000, 0}, 1000), "bytes */1000");
}

TEST(Range, IsIgnoredWhenItIsNone) {
  for (const char* text : {"", "bytes", "bytes=", "bytes=-", "bytes=5", "bytes=9-3", "bytes=a-b", "bytes=0-1,5-6",
                           "items=0-5", "bytes=0-18446744073709551616", "bytes=+1-2", "bytes= 0-1"})
    EXPECT_EQ(parse_range(text, 1000), std::nullopt) << text;
}

TEST(Target, IsTakenApart) {
  const auto target = parse_target("/v1/a%20b//c/?x=1&y=a+b%26&flag&x=2&=e");
  ASSERT_TRUE(target.has_value());
  EXPECT_EQ(target->path, "/v1/a%20b//c/");
  EXPECT_THAT(target->segments, ElementsAre("v1", "a b", "", "c", ""));
  EXPECT_THAT(target->parameters,
              ElementsAre(Pair("x", "1"), Pair("y", "a b&"), Pair("flag", ""), Pair("x", "2"), Pair("", "e")));
  EXPECT_EQ(*target->find("x"), "1");
  EXPECT_EQ(target->find("z"), nullptr);
  EXPECT_EQ(target->text_from(2), "//c/?x=1&y=a+b%26&flag&x=2&=e");
  EXPECT_EQ(parse_target("/a")->text_from(1), "/");
  EXPECT_THAT(parse_target("/")->segments, IsEmpty());
}

TEST(Target, KnowsTheAbsoluteForm) {
  EXPECT_EQ(parse_target("http://h:1/p")->authority, "h:1");
  EXPECT_EQ(parse_target("HTTP://h/p?q")->query, "q");
  EXPECT_EQ(parse_target("http://h")->path, "/");
  EXPECT_EQ(parse_target("*")->path, "*");
}

TEST(Target, RefusesWhatIsNone) {
  for (const char* text :
       {"",           "a",       "?",         "*x",     "/a b",        "/\t",         "/a#b",    "/\x7f",
        "/\xc3\xa4",  "/%",      "/%4",       "/%zz",   "/%00",        "/?a=%00",     "/?%g0",   "/.",
        "/..",        "/a/../b", "/%2e%2e/b", "/a/%2E", "/a%2f..%2fb", "/a%5c..%5cb", "http://", "http://u@h/",
        "http://h?x", "ftp://h/"}) {
    EXPECT_FALSE(parse_target(text).has_value()) << text;
  }
  for (const char* text : {"/...", "/.a", "/a..b", "/a%2Fb", "/[x]{y}|"}) {
    EXPECT_TRUE(parse_target(text).has_value()) << text;
  }
}

RC_GTEST_PROP(Target, AnyTextSurvivesEncoding, (const std::string& text)) {
  RC_PRE(!text.contains('\0'));
  RC_ASSERT(*percent_decode(percent_encode(text)) == text);
  RC_ASSERT(*parse_target("/?x=" + percent_encode(text))->find("x") == text);
}

TEST(Headers, AreFoundWithoutCase) {
  Headers headers{{"A", "1"}, {"b", "2"}, {"a", "3"}};
  EXPECT_EQ(headers.get("a"), "1");
  EXPECT_EQ(headers.count("A"), 2U);
  headers.set("a", "4");
  EXPECT_EQ(headers.count("A"), 1U);
  EXPECT_EQ(headers.find("c"), nullptr);
  headers.add("Connection", "keep-alive , Upgrade");
  EXPECT_TRUE(headers.has_token("connection", "upgrade"));
  EXPECT_FALSE(headers.has_token("connection", "up"));
}

TEST(Head, TakesARequestLineOfExactlyThreeParts) {
  const auto line = [](std::string_view target) {
    return parse_request_head("GET " + std::string(target) + " HTTP/1.1\r\nHost: x\r\n\r\n", Limits());
  };
  EXPECT_TRUE(line("/a").has_value());
  for (const char* target : {"", "/a b", " /a", "/a\rPOST /b", "/a\tb", "/\x7f", "/\xcd"}) {
    EXPECT_FALSE(line(target).has_value()) << target;
  }
}

TEST(Headers, PrintDatesAsHttpWantsThem) { EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT"); }

/// Decodes `text` in pieces of `piece` bytes into a small buffer.
Result<std::string> decoded(std::string_view text, std::size_t piece) {
  ChunkDecoder decoder;
  std::string data;
  std::array<std::byte, 3> out{};
  while (!text.empty() && !decoder.is_done()) {
    const auto step = TRY(decoder.decode(text.substr(0, piece), out));
    data.append(reinterpret_cast<const char*>(out.data()), step.produced);
    text.remove_prefix(step.consumed);
  }
  if (!decoder.is_done()) return Error(Code::kUnavailable, "not done");
  return data;
}

RC_GTEST_PROP(ChunkDecoder, GivesBackWhatWasChunked, (const std::vector<std::string>& chunks)) {
  std::string wire;
  std::string all;
  for (const std::string& chunk : chunks) {
    if (!chunk.empty()) wire += chunk_head(chunk.size()) + chunk + "\r\n";
    all += chunk;
  }
  wire += "0\r\n\r\n";
  const auto piece = *rc::gen::inRange<std::size_t>(1, 50);
  const auto data = decoded(wire, piece);
  RC_ASSERT(data.has_value());
  RC_ASSERT(*data == all);
}

TEST(ChunkDecoder, BoundsExtensionsAndTrailers) {
  EXPECT_TRUE(decoded("1;" + std::string(1024, 'e') + "\r\na\r\n0\r\n\r\n", 100).has_value());
  EXPECT_FALSE(decoded("1;" + std::string(1025, 'e') + "\r\na\r\n0\r\n\r\n", 100).has_value());
  EXPECT_TRUE(decoded("0\r\nT: " + std::string(8000, 't') + "\r\n\r\n", 100).has_value());
  EXPECT_FALSE(decoded("0\r\nT: " + std::string(9000, 't') + "\r\n\r\n", 100).has_value());
  EXPECT_FALSE(decoded("0\r\nT: a\rb\r\n\r\n", 100).has_value());
}

/// All events of a stream that arrives in pieces.
std::vector<Event> parsed(std::string_view text, std::size_t piece) {
  EventParser parser;
  std::vector<Event> events;
  while (!text.empty()) {
    EXPECT_TRUE(parser.feed(text.substr(0, piece)).has_value());
    text.remove_prefix(std::min(piece, text.size()));
    while (auto event = parser.next()) events.push_back(*std::move(event));
  }
  return events;
}

TEST(Events, AreWrittenWithLineFeedsOnly) {
  EXPECT_EQ(format_event({.name = "exit", .data = "{}", .id = "3"}), "id: 3\nevent: exit\ndata: {}\n\n");
  EXPECT_EQ(format_event({.data = "a\r\nb\rc\n"}), "data: a\ndata: b\ndata: c\ndata: \n\n");
  EXPECT_EQ(format_event({.name = "a\ndata: forged", .data = ""}), "event: adata: forged\ndata: \n\n");
  EXPECT_EQ(format_event_comment("x\n\ndata: y"), ": xdata: y\n\n");
}

TEST(Events, AreReadInAnyShape) {
  const std::string text =
      ": hello\n\nevent: a\r\ndata:1\r\ndata: 2\r\n\r\nid: 9\rdata\r\rretry: 5\nevent: dropped\n\n";
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 1000U}) {
    EXPECT_THAT(parsed(text, piece), ElementsAre(Event{.name = "a", .data = "1\n2"}, Event{.data = "", .id = "9"}))
        << piece;
  }
}

TEST(Events, AreBounded) {
  EventParser parser(100);
  ASSERT_TRUE(parser.feed("data: " + std::string(200, 'a')).has_value());
  EXPECT_EQ(parser.feed("b").error().code(), Code::kExhausted);
}

}  // namespace
}  // namespace brig::http
