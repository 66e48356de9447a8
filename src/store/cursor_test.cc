#include "store/cursor.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace brig::store {
namespace {

Cursors cursors(const std::string& key = "0123456789abcdef") { return std::move(*Cursors::create(key)); }

TEST(Cursor, IsSixteenBytesOfKeyAndShowsNothing) {
  EXPECT_FALSE(Cursors::create("short").has_value());
  const Cursors ours = cursors();
  const std::string one = ours.encode({.at = wall_time(1), .seq = 1}, "list");
  const std::string two = ours.encode({.at = wall_time(1), .seq = 2}, "list");
  int same = 0;
  for (std::size_t i = 0; i < one.size(); ++i) same += one[i] == two[i] ? 1 : 0;
  EXPECT_LT(same, 16) << "neighbours look alike";
  EXPECT_FALSE(cursors("another key here").decode(one, "list").has_value());
}

RC_GTEST_PROP(Cursor, ComesBackInItsListAndInNoOther, (const std::string& scope, const std::string& other)) {
  const Place place{.at = wall_time(*rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 48)),
                    .seq = *rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 40)};
  const Cursors ours = cursors();
  const std::string text = ours.encode(place, scope);
  RC_ASSERT(text.size() == 32U);
  RC_ASSERT(*ours.decode(text, scope) == place);
  RC_PRE(scope != other);
  RC_ASSERT(!ours.decode(text, other).has_value());
}

RC_GTEST_PROP(Cursor, WhatIsMadeUpIsRefused, (const std::string& text)) {
  RC_ASSERT(!cursors().decode(text, "list").has_value());
}

}  // namespace
}  // namespace brig::store
