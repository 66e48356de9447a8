#include "api/ops/journal.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json/value.hpp>

#include "async/timer.h"
#include "json/json.h"

namespace brig::api::ops {
namespace {

namespace bj = boost::json;

constexpr std::size_t kFollowersMost = 256;
constexpr std::size_t kFollowersOfAKeyMost = 32;
constexpr std::size_t kBatch = 100;
/// A comment that often, so that nothing between us and the client thinks the connection dead.
constexpr Milliseconds kKeepAlive{15'000};

/// Counts a follower for as long as it follows.
class Seat {
 public:
  using Keys = std::map<std::string, std::size_t, std::less<>>;
  Seat(std::size_t& taken, Keys& by_key, const std::string& key_id)
      : taken_(taken), by_key_(by_key), at_(by_key.try_emplace(key_id, 0).first) {
    ++taken_;
    ++at_->second;
  }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;
  ~Seat() {
    --taken_;
    if (--at_->second == 0) by_key_.erase(at_);
  }

 private:
  std::size_t& taken_;
  Keys& by_key_;
  Keys::iterator at_;
};

std::string text_of(const store::Event& event, bool shows_key) {
  bj::object object{{"type", event.type},
                    {"at", format(event.at)},
                    {"sandbox_id", event.sandbox_id ? bj::value(*event.sandbox_id) : bj::value()}};
  if (shows_key) object["key_id"] = event.key_id;
  const auto said = json::parse(event.data);
  object["data"] = said ? *said : bj::value(bj::object());
  return json::write(object);
}

}  // namespace

std::string describe(const sandboxes::Happening& happening) {
  bj::object data;
  if (happening.type == "sandbox.created") {
    data["template"] = happening.spec->template_name;
    data["runtime"] = std::string(happening.runtime);
    data["boot_mode"] = std::string(happening.detail);
  } else if (happening.type == "sandbox.ended") {
    data["reason"] = std::string(happening.detail);
  } else if (happening.command != nullptr) {
    data["process"] = happening.command->id();
    data["status"] = std::string(happening.detail);
    data["exit_code"] = exit_code_of(happening.command->end()->exit);
  } else if (!happening.subject.empty()) {
    data["template"] = std::string(happening.subject);
    if (!happening.detail.empty()) data["detail"] = std::string(happening.detail);
  } else if (!happening.detail.empty()) {
    data["detail"] = std::string(happening.detail);
  }
  if (happening.duration) data["duration_ms"] = static_cast<double>(happening.duration->count()) / 1000;
  if (!happening.request_id.empty()) data["request_id"] = std::string(happening.request_id);
  return json::write(data);
}

Journal::Journal(store::Store& store, const asio::any_io_executor& executor, WallClock clock)
    : store_(store), clock_(std::move(clock)), changed_(executor) {}

Result<> Journal::append(const sandboxes::Happening& happening) {
  const bool is_of_sandbox = happening.spec != nullptr;
  const std::string key_id(is_of_sandbox               ? std::string_view(happening.spec->key_id)
                           : !happening.key_id.empty() ? happening.key_id
                                                       : store::kLocalKeyId);
  auto noted = store_.events().append({.seq = 0,
                                       .at = clock_(),
                                       .key_id = key_id,
                                       .sandbox_id = is_of_sandbox ? std::optional(happening.spec->id) : std::nullopt,
                                       .type = std::string(happening.type),
                                       .data = describe(happening)});
  const bool is_first = !noted && !is_failing_;
  is_failing_ = !noted;
  if (is_first) return std::move(noted).error().context("note what happened");
  if (!noted) return {};
  ++appended_;
  ++appended_of_[key_id];
  changed_.notify();
  return {};
}

Task<> Journal::follow(http::Exchange& exchange, store::EventFilter filter, std::string key_id, std::int64_t after) {
  using namespace asio::experimental::awaitable_operators;
  if (is_stopping_) co_return Error(Code::kUnavailable, "the daemon is stopping");
  if (followers_ >= kFollowersMost)
    co_return Error(Code::kExhausted, std::to_string(followers_) + " clients follow events already");
  if (const auto own = followers_of_.find(key_id); own != followers_of_.end() && own->second >= kFollowersOfAKeyMost)
    co_return Error(Code::kExhausted, std::to_string(own->second) + " clients follow this key's events already");
  const Seat seat(followers_, followers_of_, key_id);
  const bool shows_key = !filter.key_id.has_value();
  CO_TRY(const std::int64_t oldest, store_.events().oldest());
  CO_TRY_VOID(co_await exchange.start_events());
  if (after > 0 && after + 1 < oldest) {
    after = oldest - 1;
    CO_TRY_VOID(co_await exchange.event(
        {.name = "events.lost",
         .data = R"({"detail":"events since then have been removed; what follows begins with the oldest kept"})",
         .id = store_.events().mark(after, key_id)}));
  }
  while (!is_stopping_) {
    const std::uint64_t known = appended(filter);
    CO_TRY(const auto events, store_.events().list(filter, after, kBatch));
    for (const store::Event& event : events) {
      after = event.seq;
      CO_TRY_VOID(co_await exchange.event(
          {.name = event.type, .data = text_of(event, shows_key), .id = store_.events().mark(event.seq, key_id)}));
    }
    if (events.size() == kBatch) continue;
    while (known == appended(filter) && !is_stopping_) {
      auto woken = co_await (changed_.wait() || sleep(kKeepAlive) || exchange.gone());
      if (woken.index() == 2) co_return Result<>();
      if (woken.index() == 1) CO_TRY_VOID(co_await exchange.comment("still here"));
    }
  }
  co_return co_await exchange.finish();
}

std::uint64_t Journal::appended(const store::EventFilter& filter) const {
  if (!filter.key_id) return appended_;
  const auto found = appended_of_.find(*filter.key_id);
  return found != appended_of_.end() ? found->second : 0;
}

void Journal::stop() {
  is_stopping_ = true;
  changed_.notify();
}

}  // namespace brig::api::ops
