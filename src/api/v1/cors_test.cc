#include "api/v1/cors.h"

#include <gtest/gtest.h>

namespace brig::api::v1 {
namespace {

TEST(Origin, IsWhatABrowserWrites) {
  for (const char* text : {"https://app.example.com", "http://localhost:5173", "http://127.0.0.1", "https://a.b:8443",
                           "http://[::1]:3000", "http://[::1]"}) {
    const auto origin = check_origin(text);
    ASSERT_TRUE(origin.has_value()) << origin.error().message();
    EXPECT_EQ(*origin, text);
  }
}

TEST(Origin, IsNothingElse) {
  for (const char* text : {"",
                           "*",
                           "null",
                           "app.example.com",
                           "https://",
                           "https://*",
                           "https://*.example.com",
                           "https://app.example.com/",
                           "https://App.example.com",
                           "HTTPS://app.example.com",
                           "https://a:443",
                           "http://a:80",
                           "https://a:0",
                           "https://a:65536",
                           "https://a:",
                           "https://a:08",
                           "https://user@a",
                           "https://a b",
                           "file://a",
                           "ftp://a",
                           "https://[::1",
                           "https://[]",
                           "https://a?b",
                           "https://a#b",
                           "https://a,https://b"}) {
    const auto origin = check_origin(text);
    ASSERT_FALSE(origin.has_value()) << text;
    EXPECT_EQ(origin.error().code(), Code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace brig::api::v1
