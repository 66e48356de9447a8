#include "api/e2b/query.h"

#include <gmock/gmock.h>

#include "api/common/body.h"

namespace brig::api::e2b {
namespace {

using ::testing::ElementsAre;

http::Target target(const std::string& query) { return *http::parse_target("/v2/sandboxes?" + query); }

TEST(Time, IsReadToTheMillisecond) {
  EXPECT_EQ(milliseconds_since_1970(*parse_time("2026-11-21T07:19:34.123Z")), 1'795'245'574'123);
  EXPECT_EQ(*parse_time("2026-11-21T07:19:34.123999Z"), *parse_time("2026-11-21T07:19:34.123Z"));
  EXPECT_EQ(*parse_time("2026-11-21T08:49:34.1+01:30"), *parse_time("2026-11-21T07:19:34.100Z"));
  EXPECT_EQ(*parse_time("2026-11-21T05:19:34-02:00"), *parse_time("2026-11-21T07:19:34Z"));
  EXPECT_EQ(format(*parse_time("2000-02-29T00:00:00Z")), "2000-02-29T00:00:00.000Z");
}

TEST(Time, RefusesWhatIsNone) {
  for (const std::string_view text :
       {"", "now", "2026-11-21", "2026-11-21T07:19Z", "2026-13-21T07:19:34Z", "2026-02-30T07:19:34Z",
        "2026-11-21T24:19:34Z", "2026-11-21T07:60:34Z", "2026-11-21T07:19:34", "2026-11-21T07:19:34.Z",
        "2026-11-21T07:19:34Zx", "2026-11-21T07:19:34+25:00", "+026-11-21T07:19:34Z"})
    EXPECT_FALSE(parse_time(text).has_value()) << text;
}

TEST(MetadataFilter, IsEncodedTwice) {
  const auto pairs = parse_metadata_filter("user=7&a%2520b=%2526%253D%25C3%25A9&empty=");
  ASSERT_TRUE(pairs.has_value());
  EXPECT_THAT(*pairs, ElementsAre(policy::Variable{"user", "7"}, policy::Variable{"a b", "&=é"},
                                  policy::Variable{"empty", ""}));
  EXPECT_TRUE(parse_metadata_filter("")->empty());
  EXPECT_FALSE(parse_metadata_filter("a=%25zz").has_value());
}

TEST(MetadataFilter, IsBounded) {
  std::string many;
  for (std::size_t i = 0; i <= kMetadataMax; ++i) many += "a" + std::to_string(i) + "=x&";
  EXPECT_EQ(parse_metadata_filter(many).error().code(), Code::kInvalidArgument);
}

TEST(Cursor, LeadsOnInItsOwnOrderOnly) {
  const Place place{.at = wall_time(1'800'000'000'123), .id = "abcdefghjkmnpqrstuvw"};
  for (const bool is_ascending : {false, true}) {
    const std::string cursor = write_cursor(place, is_ascending);
    EXPECT_EQ(*read_cursor(cursor, is_ascending), place);
    EXPECT_FALSE(read_cursor(cursor, !is_ascending).has_value());
  }
  for (const std::string_view text : {"x", "MTIz", "!!!!", "MV9fLi4vLi4v"})
    EXPECT_FALSE(read_cursor(text, false)) << text;
}

TEST(ListQuery, HasE2bsDefaults) {
  const auto query = read_list(target(""));
  ASSERT_TRUE(query.has_value());
  EXPECT_TRUE(query->wants_running && query->wants_paused && !query->is_ascending);
  EXPECT_EQ(query->limit, 100U);
}

TEST(ListQuery, ReadsAllThatTheClientsSend) {
  const auto query =
      read_list(target("state=paused&order=asc&limit=7&template=base&startedAfter=2026-11-21T07%3A19%3A34.123Z"
                       "&metadata=sandboxTestId%3Dtest-x"));
  ASSERT_TRUE(query.has_value()) << query.error().message();
  EXPECT_TRUE(!query->wants_running && query->wants_paused && query->is_ascending);
  EXPECT_EQ(query->limit, 7U);
  EXPECT_EQ(query->template_id, "base");
  EXPECT_EQ(milliseconds_since_1970(*query->started_since), 1'795'245'574'123);
  EXPECT_THAT(query->metadata, ElementsAre(policy::Variable{"sandboxTestId", "test-x"}));
  for (const char* wrong :
       {"state=killed", "order=up", "limit=0", "limit=101", "limit=x", "nextToken=x", "startedAfter=now"})
    EXPECT_EQ(read_list(target(wrong)).error().code(), Code::kInvalidArgument) << wrong;
}

TEST(Page, EveryoneIsShownOnceInBothOrders) {
  std::vector<Place> all;
  for (int i = 0; i < 10; ++i)
    all.push_back({wall_time(1000 + i / 3), "abcdefghjkmnpqrstuv" + std::string(1, "abcdefghjk"[i])});
  for (const bool is_ascending : {false, true}) {
    ListQuery query{.is_ascending = is_ascending, .limit = 3};
    std::vector<Place> seen;
    for (int page = 0; page < 10; ++page) {
      auto sorted = all;
      if (!is_ascending) std::ranges::reverse(sorted);
      const auto next = cut_page(sorted, query, [](const Place& place) { return place; });
      seen.insert(seen.end(), sorted.begin(), sorted.end());
      if (!next) break;
      query.after = *read_cursor(*next, is_ascending);
    }
    if (!is_ascending) std::ranges::reverse(seen);
    EXPECT_EQ(seen, all);
  }
}

}  // namespace
}  // namespace brig::api::e2b
