#include "builds/context_tar.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "sys/file.h"

namespace brig::builds {
namespace {

using ::testing::HasSubstr;

Upload new_upload(Bytes most = mebibytes(1)) {
  const auto folder = sys::open("/tmp", O_PATH | O_DIRECTORY);
  return *Upload::open(folder->ref(), most);
}

std::string contents_of(const Upload& upload) {
  std::string text(upload.size(), '\0');
  EXPECT_EQ(::pread(upload.file().get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  return text;
}

Result<> add(ContextTar& tar, std::string_view path, std::string_view text) {
  TRY(tar.begin(path));
  TRY(tar.append(std::as_bytes(std::span(text))));
  return tar.end();
}

TEST(ContextTar, HasFilesWithLongNames) {
  Upload upload = new_upload();
  ContextTar tar(upload);
  EXPECT_TRUE(tar.is_empty());
  const std::string deep = std::string(200, 'a') + "/" + std::string(200, 'b') + "/ä.txt";
  ASSERT_TRUE(add(tar, "a.txt", "hello\n").has_value());
  ASSERT_TRUE(add(tar, deep, std::string(1024, 'x')).has_value());
  ASSERT_TRUE(add(tar, "empty", "").has_value());
  ASSERT_TRUE(tar.finish().has_value());
  EXPECT_FALSE(tar.is_empty());
  const std::string text = contents_of(upload);
  EXPECT_EQ(text.size() % 512, 0U);
  EXPECT_THAT(text, HasSubstr("14 path=a.txt\n"));
  EXPECT_THAT(text, HasSubstr("path=" + std::string(200, 'a') + "\n")) << "folders are members";
  EXPECT_THAT(text, HasSubstr("path=" + deep + "\n"));
  EXPECT_EQ(text.substr(text.size() - 1024), std::string(1024, '\0'));
}

TEST(ContextTar, TheSameFilesAreTheSameTar) {
  Upload one = new_upload();
  Upload other = new_upload();
  for (Upload* upload : {&one, &other}) {
    ContextTar tar(*upload);
    ASSERT_TRUE(add(tar, "a", "1").has_value());
    ASSERT_TRUE(tar.finish().has_value());
  }
  EXPECT_EQ(contents_of(one), contents_of(other));
}

TEST(ContextTar, RefusesWhatCouldLeadOut) {
  for (const std::string& path :
       {std::string(), std::string("/etc/passwd"), std::string(".."), std::string("../a"), std::string("a/../b"),
        std::string("a/.."), std::string("./a"), std::string("."), std::string("a//b"), std::string("a/"),
        std::string("a\\..\\b"), std::string("a\nb"), std::string("a\0b", 3), std::string("a\xff"),
        std::string(256, 'a'), std::string(1025, 'a')}) {
    EXPECT_FALSE(check_context_path(path).has_value()) << path;
  }
  for (const char* path : {"a", ".dockerignore", "a/b.c", "...", "a b/ü", "..a/b.."})
    EXPECT_TRUE(check_context_path(path).has_value()) << path;
}

TEST(ContextTar, RefusesWhatComesTwiceOrBelowAFile) {
  Upload upload = new_upload();
  ContextTar tar(upload);
  ASSERT_TRUE(add(tar, "a/b", "1").has_value());
  EXPECT_THAT(add(tar, "a/b", "2").error().message(), HasSubstr("twice"));
  EXPECT_THAT(add(tar, "a", "2").error().message(), HasSubstr("folder of another"));
  EXPECT_THAT(add(tar, "a/b/c", "2").error().message(), HasSubstr("below a file"));
}

TEST(ContextTar, HasNotMoreFoldersThanThat) {
  std::string deep = "f";
  for (std::size_t i = 1; i < kContextPartsMost; ++i) deep = "d/" + deep;
  EXPECT_TRUE(check_context_path(deep).has_value());
  EXPECT_FALSE(check_context_path("d/" + deep).has_value());
  Upload upload = new_upload(mebibytes(100));
  ContextTar tar(upload);
  for (std::size_t i = 0; i < kContextFoldersMost; ++i) ASSERT_TRUE(tar.begin(std::to_string(i) + "/f").has_value());
  EXPECT_TRUE(tar.begin("0/g").has_value());
  const auto more = tar.begin("more/f");
  ASSERT_FALSE(more.has_value());
  EXPECT_EQ(more.error().code(), Code::kExhausted);
}

TEST(Upload, IsBounded) {
  Upload upload = new_upload(Bytes{10});
  EXPECT_TRUE(upload.append("12345").has_value());
  EXPECT_TRUE(upload.append("67890").has_value());
  const auto more = upload.append("1");
  ASSERT_FALSE(more.has_value());
  EXPECT_EQ(more.error().code(), Code::kExhausted);
  EXPECT_EQ(upload.size(), 10U);
}

}  // namespace
}  // namespace brig::builds
