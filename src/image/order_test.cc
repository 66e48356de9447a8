#include "image/order.h"

#include <gtest/gtest.h>

namespace brig::image {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

TEST(Order, SurvivesTheWay) {
  const Order build{.kind = Order::Kind::kBuild,
                    .id = "b1",
                    .name = "mine",
                    .owner = "key1",
                    .templates = {"base", "other"},
                    .image = "",
                    .limits = {{"memory", "512M"}, {"cpus", "2"}},
                    .time = Milliseconds(5000),
                    .room = mebibytes(5)};
  EXPECT_EQ(*parse_order(to_json(build)), build);
  const Order cancel{.kind = Order::Kind::kCancel, .id = "b1", .templates = {}};
  EXPECT_EQ(*parse_order(to_json(cancel)), cancel);
}

TEST(Order, ThatCannotBeReadCanBeAnswered) {
  EXPECT_EQ(id_of_order(R"({"kind":"nonsense","id":"b1"})"), "b1");
  for (const char* text : {"", "{", "{}", R"({"id":1})", R"({"id":"../x"})"}) EXPECT_EQ(id_of_order(text), "") << text;
}

TEST(Order, IsStrict) {
  const Order sound{.kind = Order::Kind::kImport, .id = "b1", .name = "mine", .owner = "key1", .templates = {}};
  ASSERT_TRUE(parse_order(to_json(sound)).has_value());
  auto with = [&](auto change) {
    Order order = sound;
    change(order);
    return parse_order(to_json(order)).has_value();
  };
  EXPECT_FALSE(with([](Order& order) { order.name = "../names/base"; }));
  EXPECT_FALSE(with([](Order& order) { order.name = "host"; }));
  EXPECT_FALSE(with([](Order& order) { order.owner = ""; }));  // the machine's owner is nobody over this way
  EXPECT_FALSE(with([](Order& order) { order.owner = "a/b"; }));
  EXPECT_FALSE(with([](Order& order) { order.id = std::string(65, 'a'); }));
  EXPECT_FALSE(with([](Order& order) { order.templates.assign(1001, "a"); }));
  EXPECT_FALSE(with([](Order& order) { order.time = Milliseconds(-1); }));
  EXPECT_FALSE(parse_order("{}").has_value());
  EXPECT_FALSE(parse_order(std::string(kTalkBytesMost + 1, ' ')).has_value());
  EXPECT_FALSE(parse_order(R"({"kind":"build","id":"a","path":"/etc/shadow"})").has_value());
}

TEST(News, SurviveTheWay) {
  const News done{.kind = News::Kind::kDone, .id = "b1", .digest = kDigest, .size = mebibytes(3)};
  EXPECT_EQ(*parse_news(to_json(done)), done);
  const News failed{.kind = News::Kind::kFailed, .id = "b1", .text = "it failed", .code = Code::kExhausted};
  EXPECT_EQ(*parse_news(to_json(failed)), failed);
}

TEST(News, AreStrict) {
  EXPECT_FALSE(parse_news(to_json(News{.kind = News::Kind::kLine, .id = "b", .text = "a\nb"})).has_value());
  EXPECT_FALSE(parse_news(to_json(News{.kind = News::Kind::kLine, .id = "b", .text = "\x1b[2J"})).has_value());
  EXPECT_FALSE(parse_news(to_json(News{.kind = News::Kind::kDone, .id = "b", .digest = "sha256:x"})).has_value());
  EXPECT_FALSE(parse_news(R"({"kind":"done","id":"b","text":"","code":99,"digest":"","size":0})").has_value());
}

}  // namespace
}  // namespace brig::image
