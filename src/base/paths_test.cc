#include "base/paths.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace brig {
namespace {

TEST(GuestPath, IsNormalised) {
  EXPECT_EQ(GuestPath::parse("/a//b/./c/")->text(), "/a/b/c");
  EXPECT_EQ(GuestPath::parse("/")->text(), "/");
  EXPECT_EQ(GuestPath::parse("/a/b")->name(), "b");
}

TEST(GuestPath, RefusesWhatCouldEscapeOrForge) {
  for (std::string text : {"", "a", "../x", "/a/../b", "/a\nb", "/..", "/\x1b[0m"}) {
    EXPECT_FALSE(GuestPath::parse(text).has_value()) << text;
  }
  EXPECT_FALSE(GuestPath::parse(std::string("/a\0b", 4)).has_value());
  EXPECT_FALSE(GuestPath::parse("/" + std::string(5000, 'a')).has_value());
}

TEST(GuestPath, KnowsWhatLiesBelowIt) {
  const auto work = *GuestPath::parse("/workspace");
  EXPECT_TRUE(GuestPath::parse("/workspace/a")->is_within(work));
  EXPECT_TRUE(work.is_within(work));
  EXPECT_FALSE(GuestPath::parse("/workspaces")->is_within(work));
}

TEST(HostPath, IsResolvedAgainstTheWorkingFolder) {
  EXPECT_EQ(resolve_host_path("../x", "/home/me")->text(), "/home/x");
  EXPECT_EQ(resolve_host_path("/x/../../y", "/home/me")->text(), "/y");
  EXPECT_FALSE(resolve_host_path("", "/").has_value());
}

RC_GTEST_PROP(HostPath, ResolvedPathsParse, (const std::string& text)) {
  const auto path = resolve_host_path(text, "/work");
  if (path.has_value()) RC_ASSERT(HostPath::parse(path->text())->text() == path->text());
}

}  // namespace
}  // namespace brig
