#include "http/multipart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstring>

#include <boost/asio/io_context.hpp>

#include "async/run.h"

namespace brig::http {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Part {
  PartHead head;
  std::string contents;
  bool operator==(const Part&) const = default;
};

Result<std::vector<Part>> parts_of(std::string_view body, std::size_t piece = 5, MultipartLimits limits = {}) {
  MultipartParser parser("B", limits);
  std::vector<Part> parts;
  while (true) {
    auto event = TRY(parser.next());
    switch (event.kind) {
      case MultipartParser::Kind::kNeedsMore:
        if (body.empty()) parser.end();
        parser.feed(body.substr(0, piece));
        body.remove_prefix(std::min(piece, body.size()));
        break;
      case MultipartParser::Kind::kHead: parts.push_back({.head = std::move(event.head), .contents = {}}); break;
      case MultipartParser::Kind::kData: parts.back().contents += event.data; break;
      case MultipartParser::Kind::kEnd: break;
      case MultipartParser::Kind::kDone: return parts;
    }
  }
}

std::string part(std::string_view disposition, std::string_view contents, std::string_view more = "") {
  return "--B\r\nContent-Disposition: " + std::string(disposition) + "\r\n" + std::string(more) + "\r\n" +
         std::string(contents) + "\r\n";
}

std::string refusal(std::string_view body, MultipartLimits limits = {}) {
  const auto parts = parts_of(body, 5, limits);
  return parts ? "" : parts.error().message();
}

TEST(Multipart, IsTakenApart) {
  const std::string body = part("form-data; name=\"name\"", "mine") +
                           part("form-data; name=\"f\"; filename=\"a/b c.tar\"", "\r\n--\r\n-B\r\n--A\r",
                                "Content-Type: application/x-tar\r\nX-Other: y\r\n") +
                           part("form-data; name=empty", "") + "--B--\r\n";
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 1000U}) {
    EXPECT_THAT(*parts_of(body, piece),
                ElementsAre(Part{.head = {.name = "name", .file_name = {}, .content_type = ""}, .contents = "mine"},
                            Part{.head = {.name = "f", .file_name = "a/b c.tar", .content_type = "application/x-tar"},
                                 .contents = "\r\n--\r\n-B\r\n--A\r"},
                            Part{.head = {.name = "empty", .file_name = {}, .content_type = ""}, .contents = ""}));
  }
  EXPECT_THAT(*parts_of("--B--"), IsEmpty());
}

TEST(Multipart, NamesAreAsTheClientWroteThem) {
  const auto parts = *parts_of(part(R"(form-data; name="a\"b\\c"; filename="C:\x\%22 ä.txt")", "x") + "--B--");
  EXPECT_EQ(parts.at(0).head.name, "a\"b\\c");
  EXPECT_EQ(parts.at(0).head.file_name, "C:\\x\\%22 ä.txt");
}

TEST(Multipart, RefusesWhatAnotherCouldReadAnotherWay) {
  const std::string good = part("form-data; name=a", "x");
  ASSERT_EQ(refusal(good + "--B--"), "");
  for (const std::string& body :
       {"preamble\r\n" + good + "--B--",
        "\r\n" + good + "--B--",
        good + "--B-- ",
        good + "--B--\r\nmore",
        good + "--B--\n",
        good + "--Bx\r\n\r\n",
        std::string("--B\n\n\n--B--"),
        part("attachment; name=a", "x") + "--B--",
        part("form-data", "x") + "--B--",
        part("form-data; name=a; name=b", "x") + "--B--",
        part("form-data; name=a b", "x") + "--B--",
        part("form-data; name=\"a", "x") + "--B--",
        part("form-data; name=a; filename*=utf-8''x", "x") + "--B--",
        part("form-data; name=\"a\xff\"", "x") + "--B--",
        part("form-data; name=a", "x", "Content-Disposition: form-data; name=b\r\n") + "--B--",
        part("form-data; name=a", "x", "Content-Transfer-Encoding: base64\r\n") + "--B--",
        part("form-data; name=a", "x", "Content-Type: a\r\nContent-Type: b\r\n") + "--B--",
        part("form-data; name=a", "x", " folded\r\n") + "--B--",
        part("form-data; name=a", "x", "A: b\nC: d\r\n") + "--B--",
        part("form-data; name=a", "x", "No colon\r\n") + "--B--",
        std::string("--B\r\n\r\nx\r\n--B--"),
        std::string("--B\r\nX: y\r\n\r\nx\r\n--B--")}) {
    EXPECT_THAT(refusal(body), HasSubstr("malformed")) << body;
  }
}

TEST(Multipart, CutAnywhereItIsRefused) {
  const std::string body = part("form-data; name=a", "xyz") + "--B--";
  for (std::size_t size = 0; size < body.size(); ++size) EXPECT_NE(refusal(body.substr(0, size)), "") << size;
}

TEST(Multipart, IsBounded) {
  const std::string one = part("form-data; name=a", "x");
  EXPECT_THAT(refusal(one + one + one + "--B--", {.parts = 2}), HasSubstr("more than 2 parts"));
  const std::string long_header = part("form-data; name=a", "x", "X: " + std::string(9000, 'x') + "\r\n");
  EXPECT_THAT(refusal(long_header + "--B--"), HasSubstr("longer than 8192 bytes"));
  EXPECT_THAT(refusal("--B\r\n" + std::string(9000, 'x')), HasSubstr("longer than 8192 bytes"));  // without an end
  EXPECT_THAT(refusal(part("form-data; name=" + std::string(50, 'a'), "x") + "--B--", {.name_bytes = 49}),
              HasSubstr("longer than 49 bytes"));
}

TEST(Multipart, HasABoundary) {
  EXPECT_EQ(*multipart_boundary("multipart/form-data; boundary=----WebKit1"), "----WebKit1");
  EXPECT_EQ(*multipart_boundary("Multipart/Form-Data ;charset=utf-8; Boundary=\"a b:c\""), "a b:c");
  EXPECT_EQ(*multipart_boundary("multipart/form-data; boundary=" + std::string(70, 'x')), std::string(70, 'x'));
  for (const std::string& text :
       {std::string(), std::string("multipart/form-data"), std::string("multipart/form-data; boundary="),
        std::string("multipart/form-data; boundary=\"\""), std::string("multipart/mixed; boundary=x"),
        std::string("multipart/form-data; boundary=\"x \""), std::string("multipart/form-data; boundary=a b"),
        std::string("multipart/form-data; boundary=a; boundary=b"), std::string("multipart/form-data boundary=a"),
        std::string("multipart/form-data; boundary=\"a\r\nb\""), std::string("application/json"),
        "multipart/form-data; boundary=" + std::string(71, 'x')}) {
    EXPECT_FALSE(multipart_boundary(text).has_value()) << text;
  }
}

RC_GTEST_PROP(Multipart, AnyContentsSurviveAnyCut, (std::string contents)) {
  RC_PRE(!("\r\n" + contents).contains("\r\n--B"));
  const auto piece = *rc::gen::inRange<std::size_t>(1, 20);
  const auto parts = parts_of(part("form-data; name=a", contents) + "--B--\r\n", piece);
  RC_ASSERT(parts.has_value());
  RC_ASSERT(parts->at(0).contents == contents);
}

/// A body that comes in small pieces.
MultipartReader::Read reading(std::string_view& body) {
  return [&body](std::span<std::byte> buffer) -> Task<std::size_t> {
    const std::size_t count = std::min({buffer.size(), body.size(), std::size_t{6}});
    std::memcpy(buffer.data(), body.data(), count);
    body.remove_prefix(count);
    co_return count;
  };
}

Task<> read_form(std::string_view body, std::vector<std::string>& told) {
  MultipartReader form("B", reading(body));
  while (true) {
    CO_TRY(const auto head, co_await form.next());
    if (!head) co_return Result<>();
    if (head->name == "skipped") continue;
    CO_TRY(const std::string contents, co_await form.read_all(20));
    told.push_back(head->name + "=" + contents);
  }
}

TEST(MultipartReader, ReadsWhatIsAskedForAndDropsTheRest) {
  asio::io_context io;
  std::vector<std::string> told;
  const std::string body = part("form-data; name=a", "1") + part("form-data; name=skipped", std::string(100, 'x')) +
                           part("form-data; name=b", "a longer text") + part("form-data; name=c", "") + "--B--\r\n";
  ASSERT_TRUE(run(io, read_form(body, told)).has_value());
  EXPECT_THAT(told, ElementsAre("a=1", "b=a longer text", "c="));
}

TEST(MultipartReader, SaysWhichPartIsTooLong) {
  asio::io_context io;
  std::vector<std::string> told;
  const auto ended = run(io, read_form(part("form-data; name=a", std::string(21, 'x')) + "--B--\r\n", told));
  ASSERT_FALSE(ended.has_value());
  EXPECT_EQ(ended.error().code(), Code::kExhausted);
  EXPECT_THAT(ended.error().message(), HasSubstr("\"a\" is longer than 20 bytes"));
}

}  // namespace
}  // namespace brig::http
