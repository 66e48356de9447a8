#include "api/e2b/tokens.h"

#include <gmock/gmock.h>

namespace brig::api::e2b {
namespace {

constexpr WallTime kNow = wall_time(1'800'000'000'000);
constexpr std::string_view kToken = "0tQG31xiMp0IOQfaz9dcwi72L1CPo8e0";

TEST(Tokens, OpenOneSandboxAndOneThing) {
  const Tokens tokens("0123456789abcdef0123456789abcdef");
  const std::string access = tokens.access("abcdefghjkmnpqrstuvw");
  EXPECT_EQ(access.size(), 64U);
  EXPECT_EQ(access, Tokens("0123456789abcdef0123456789abcdef").access("abcdefghjkmnpqrstuvw"));
  EXPECT_NE(access, tokens.access("abcdefghjkmnpqrstuvx"));
  EXPECT_NE(access, tokens.traffic("abcdefghjkmnpqrstuvw"));
  EXPECT_NE(access, Tokens("another secret").access("abcdefghjkmnpqrstuvw"));
}

TEST(FileSignature, IsTheOneThatTheClientsMake) {
  const SignedFile file{.path = "hello.txt", .username = "user", .signature = {}, .expiration = {}};
  EXPECT_EQ(file_signature(file, FileAccess::kRead, kToken), "v1_gUtH/s9YCJWgCizjfUxuWfhFE4QSydOWEIIvfLwDr6E");
}

TEST(FileSignature, IsForOneFileOneAccessOneUserAndOneTime) {
  SignedFile file{.path = "a.txt", .username = "", .signature = {}, .expiration = "1800000060"};
  file.signature = file_signature(file, FileAccess::kRead, kToken);
  EXPECT_TRUE(check_signature(file, FileAccess::kRead, kToken, kNow).has_value());
  EXPECT_EQ(check_signature(file, FileAccess::kWrite, kToken, kNow).error().message(), "invalid signature");
  EXPECT_EQ(check_signature(file, FileAccess::kRead, "another token", kNow).error().message(), "invalid signature");
  for (const SignedFile& forged :
       {SignedFile{"b.txt", "", file.signature, file.expiration},
        SignedFile{"a.txt", "root", file.signature, file.expiration},
        SignedFile{"a.txt", "", file.signature, "1900000000"}, SignedFile{"a.txt", "", file.signature, std::nullopt},
        SignedFile{"a.txt", "", "", file.expiration}}) {
    EXPECT_EQ(check_signature(forged, FileAccess::kRead, kToken, kNow).error().code(), Code::kDenied);
  }
}

TEST(FileSignature, IsKnownByItsForm) {
  EXPECT_TRUE(is_signature("v1_gUtH/s9YCJWgCizjfUxuWfhFE4QSydOWEIIvfLwDr6E"));
  for (const std::string_view text :
       {"", "v1_", "v2_gUtH/s9YCJWgCizjfUxuWfhFE4QSydOWEIIvfLwDr6E", "v1_gUtH/s9YCJWgCizjfUxuWfhFE4QSydOWEIIvfLwDr6E=",
        "v1_gUtH/s9YCJWgCizjfUxuWfhFE4QSydOWEIIvfLwDr6", "v1_gUtH/s9YCJWgCizjfUxuWfhFE4QSydOWEIIvfLwDr6?"})
    EXPECT_FALSE(is_signature(text)) << text;
}

TEST(FileSignature, ExpiresInTheWordsThatTheClientsKnow) {
  for (const std::string_view expiration : {"1799999999", "0"}) {
    SignedFile file{.path = "a", .username = "", .signature = {}, .expiration = std::string(expiration)};
    file.signature = file_signature(file, FileAccess::kRead, kToken);
    EXPECT_EQ(check_signature(file, FileAccess::kRead, kToken, kNow).error().message(), "signature is already expired");
  }
  for (const std::string_view expiration : {"", "soon", "-1", "9999999999999"}) {
    SignedFile file{.path = "a", .username = "", .signature = {}, .expiration = std::string(expiration)};
    file.signature = file_signature(file, FileAccess::kRead, kToken);
    EXPECT_EQ(check_signature(file, FileAccess::kRead, kToken, kNow).error().code(), Code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace brig::api::e2b
