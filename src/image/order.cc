#include "image/order.h"

#include <algorithm>
#include <array>

#include <boost/json/value.hpp>

#include "base/text.h"
#include "image/digest.h"
#include "image/json_text.h"
#include "image/manifest.h"
#include "json/json.h"
#include "json/reader.h"

namespace brig::image {
namespace {

using json::Reader;
using Object = boost::json::object;

constexpr json::Limits kBounds{.max_bytes = kTalkBytesMost, .max_depth = 4};
constexpr std::array<std::string_view, 4> kOrders{"build", "import", "remove", "cancel"};
constexpr std::array<std::string_view, 4> kNews{"begun", "line", "done", "failed"};
constexpr std::int64_t kTimeMost = 7LL * 24 * 3'600'000;
constexpr std::int64_t kSizeMost = std::int64_t{1} << 50;
constexpr TextBounds kTemplates{.count = 1000, .length = 128};

template <std::size_t Count>
Result<std::size_t> one_of(const Reader& reader, const std::array<std::string_view, Count>& words) {
  const auto* const found = std::ranges::find(words, TRY(reader.text()));
  if (found == words.end()) return reader.error("unknown word");
  return static_cast<std::size_t>(found - words.begin());
}

Result<std::string> read_owner(const Reader& reader) {
  std::string text(TRY(reader.text()));
  if (!is_owner(text)) return reader.error("not a name");
  return text;
}

Result<std::string> read_printable(const Reader& reader, std::size_t most) {
  const std::string_view text = TRY(bounded_text(reader, most));
  if (printable(text, most) != text) return reader.error("not printable");
  return std::string(text);
}

}  // namespace

std::string to_json(const Order& order) {
  Object limits;
  for (const LimitDefault& limit : order.limits) limits[limit.key] = limit.value;
  return json::write(Object{{"kind", kOrders.at(static_cast<std::size_t>(order.kind))},
                            {"id", order.id},
                            {"name", order.name},
                            {"owner", order.owner},
                            {"templates", to_array(order.templates)},
                            {"image", order.image},
                            {"limits", std::move(limits)},
                            {"time_ms", order.time.count()},
                            {"room", order.room.count}});
}

std::string to_json(const News& news) {
  return json::write(Object{{"kind", kNews.at(static_cast<std::size_t>(news.kind))},
                            {"id", news.id},
                            {"text", news.text},
                            {"code", static_cast<int>(news.code)},
                            {"digest", news.digest},
                            {"size", news.size.count}});
}

Result<Order> parse_order(std::string_view text) {
  static constexpr std::array<std::string_view, 9> kKeys{"kind",  "id",     "name",    "owner", "templates",
                                                         "image", "limits", "time_ms", "room"};
  const json::Value value = TRY(json::parse(text, kBounds));
  const Reader root(value);
  TRY(root.only(kKeys));
  Order order;
  order.kind = static_cast<Order::Kind>(TRY(one_of(TRY(root.at("kind")), kOrders)));
  order.id = TRY(read_owner(TRY(root.at("id"))));
  if (order.kind == Order::Kind::kCancel) return order;
  const Reader name = TRY(root.at("name"));
  order.name = TRY(name.text());
  if (!is_template_name(order.name)) return name.error("not a template's name");
  order.owner = TRY(read_owner(TRY(root.at("owner"))));
  order.templates = TRY(text_list(TRY(root.at("templates")), kTemplates));
  order.image = TRY(bounded_text(TRY(root.at("image")), 300));
  const Reader limits = TRY(root.at("limits"));
  for (const auto& [key, text_of] : TRY(limits.entries()))
    order.limits.push_back({std::string(key), std::string(TRY(bounded_text(text_of, 64)))});
  Defaults defaults;
  defaults.limits = order.limits;
  if (auto sound = check_defaults(defaults); !sound) return limits.error(sound.error().message());
  order.time = Milliseconds(TRY(TRY(root.at("time_ms")).integer(0, kTimeMost)));
  order.room.count = static_cast<std::uint64_t>(TRY(TRY(root.at("room")).integer(0, kSizeMost)));
  return order;
}

std::string id_of_order(std::string_view text) {
  const auto read = [text]() -> Result<std::string> {
    const json::Value value = TRY(json::parse(text, kBounds));
    return read_owner(TRY(Reader(value).at("id")));
  };
  return read().value_or("");
}

Result<News> parse_news(std::string_view text) {
  static constexpr std::array<std::string_view, 6> kKeys{"kind", "id", "text", "code", "digest", "size"};
  const json::Value value = TRY(json::parse(text, kBounds));
  const Reader root(value);
  TRY(root.only(kKeys));
  News news;
  news.kind = static_cast<News::Kind>(TRY(one_of(TRY(root.at("kind")), kNews)));
  news.id = TRY(read_owner(TRY(root.at("id"))));
  news.text = TRY(
      read_printable(TRY(root.at("text")), news.kind == News::Kind::kLine ? kNewsLineMost * 4 : kNewsSentenceMost * 4));
  news.code = static_cast<Code>(TRY(TRY(root.at("code")).integer(0, static_cast<int>(Code::kInternal))));
  const Reader digest = TRY(root.at("digest"));
  news.digest = TRY(digest.text());
  if (!news.digest.empty() && !is_digest(news.digest)) return digest.error("not a digest");
  news.size.count = static_cast<std::uint64_t>(TRY(TRY(root.at("size")).integer(0, kSizeMost)));
  return news;
}

}  // namespace brig::image
