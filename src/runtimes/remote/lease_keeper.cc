#include "runtimes/remote/lease_keeper.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>

#include "async/run.h"
#include "async/stream.h"
#include "async/timer.h"
#include "base/number.h"
#include "runtimes/remote/e2b_answers.h"
#include "runtimes/remote/helper.h"
#include "runtimes/remote/lease.h"
#include "sys/confine.h"
#include "sys/file.h"

namespace brig::runtimes::remote {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Milliseconds kRenewal{20'000};
/// After a renewal or a deletion that failed.
constexpr Milliseconds kRetry{2'000};
/// Of one request: who waits for the end of a sandbox waits no longer.
constexpr Milliseconds kRequestLimit{5'000};

/// What became of the sandbox.
enum class Fate : std::uint8_t {
  kLiving,
  kEnded,    ///< who asked for its end, or the agent's
  kExpired,  ///< its lifetime
  kLost,     ///< see Keeper::why_
};

class Keeper {
 public:
  Keeper(const asio::any_io_executor& executor, LeaseTerms terms, Fd control, Fd tie)
      : server_(executor, std::move(terms.api)), path_("/sandboxes/" + terms.id), control_(std::move(control)),
        tie_(std::move(tie)) {}

  Task<> keep();

 private:
  struct Question {
    char what;
    std::string number;
    Milliseconds time;
  };

  Task<> wait_for_something();
  Task<> heed_clock();
  Task<> heed_tie();
  Task<> heed_control();
  Task<> answer(Question question);
  Task<> live_for(Question question);
  Task<> renew();
  Task<> finish(Fate fate, std::string why = {});
  Task<> remove();
  Task<std::string> ask(std::string method, std::string below, std::string body = {});
  [[nodiscard]] Clock::time_point next_act() const;
  [[nodiscard]] std::string ended_by_them() const { return server_.destination().host + " ended the sandbox"; }
  void reply(const Question& question, char letter, const std::string& text = {}) const {
    tell(control_.ref(), letter, question.number + (text.empty() ? "" : " " + text));
  }

  Server server_;
  std::string path_;
  Fd control_;  ///< closed once nobody here wants the sandbox
  Fd tie_;      ///< closed once the relay is gone
  Fate fate_ = Fate::kLiving;
  std::string why_;
  bool is_removed_ = false;
  std::optional<Clock::time_point> end_;
  Clock::time_point act_at_ = Clock::now() + kRenewal;    ///< the next renewal, or attempt to remove it
  Clock::time_point over_at_ = Clock::time_point::max();  ///< what could not be removed until then has ended by itself
};

Task<std::string> Keeper::ask(std::string method, std::string below, std::string body) {
  co_return co_await with_timeout(kRequestLimit, server_.ask(std::move(method), path_ + below, std::move(body)),
                                  "the answer of " + server_.destination().host);
}

Clock::time_point Keeper::next_act() const {
  if (fate_ != Fate::kLiving) return is_removed_ ? Clock::time_point::max() : act_at_;
  return end_ ? std::min(*end_, act_at_) : act_at_;
}

/// A message, a relay that ends, or the time of the next act.
Task<> Keeper::wait_for_something() {
  using namespace asio::experimental::awaitable_operators;
  // A day is as good as never, and every clock can count to it.
  const Clock::time_point until = std::min(next_act(), Clock::now() + std::chrono::days(1));
  const Milliseconds left = std::max(Milliseconds(0), std::chrono::ceil<Milliseconds>(until - Clock::now()));
  if (tie_.is_open()) {
    (void)co_await (wait_readable(control_.ref()) || wait_readable(tie_.ref()) || sleep(left));
  } else if (control_.is_open()) {
    (void)co_await (wait_readable(control_.ref()) || sleep(left));
  } else {
    CO_TRY_VOID(co_await sleep(left));
  }
  co_return Result<>();
}

/// Puts the service's own end off. kNotFound if the sandbox is gone.
Task<> Keeper::renew() {
  std::chrono::seconds time = kLeaseTime;
  // Ours comes first: theirs is for when this process is gone.
  if (end_) {
    const auto left = std::chrono::ceil<std::chrono::seconds>(*end_ - Clock::now()) + std::chrono::seconds(1);
    time = std::clamp(left, std::chrono::seconds(1), kLeaseTime);
  }
  auto renewed = co_await ask("POST", "/timeout", e2b_timeout_body(time));
  act_at_ = Clock::now() + (renewed ? kRenewal : kRetry);
  if (!renewed) co_return std::move(renewed).error();
  co_return Result<>();
}

/// What could not be removed is tried again, for as long as the service lets it live.
Task<> Keeper::remove() {
  auto removed = co_await ask("DELETE", "");
  if (!removed && removed.error().code() == Code::kNotFound && fate_ == Fate::kLost) why_ = ended_by_them();
  is_removed_ = removed || removed.error().code() == Code::kNotFound || Clock::now() >= over_at_;
  act_at_ = Clock::now() + kRetry;
  if (!removed) co_return std::move(removed).error();
  co_return Result<>();
}

Task<> Keeper::finish(Fate fate, std::string why) {
  fate_ = fate;
  why_ = std::move(why);
  tie_.reset();
  over_at_ = Clock::now() + kLeaseTime;
  co_return co_await remove();
}

Task<> Keeper::heed_clock() {
  if (Clock::now() < next_act()) co_return Result<>();
  if (fate_ != Fate::kLiving) {
    (void)co_await remove();
  } else if (end_ && Clock::now() >= *end_) {
    (void)co_await finish(Fate::kExpired);
  } else {
    const auto renewed = co_await renew();
    if (!renewed && renewed.error().code() == Code::kNotFound) (void)co_await finish(Fate::kLost, ended_by_them());
  }
  co_return Result<>();
}

Task<> Keeper::heed_tie() {
  auto word = take_word(tie_.ref());
  if (word && !*word) co_return Result<>();
  if (!word) {
    (void)co_await finish(Fate::kLost, "the process that carried the channel of its sandbox was killed");
  } else if ((*word)->letter == kTieEnded) {
    (void)co_await finish(Fate::kEnded);
  } else {
    (void)co_await finish(Fate::kLost, "the channel to " + server_.destination().host + ": " + (*word)->text);
  }
  co_return Result<>();
}

Task<> Keeper::live_for(Question question) {
  const auto before = end_;
  end_.reset();
  if (question.time.count() > 0) end_ = Clock::now() + question.time;
  const auto renewed = co_await renew();
  if (renewed) {
    reply(question, kLeaseGood);
  } else if (renewed.error().code() == Code::kNotFound) {
    (void)co_await finish(Fate::kLost, ended_by_them());
    reply(question, kLeaseGone, why_);
  } else {
    end_ = before;
    reply(question, kLeaseFailed, renewed.error().message());
  }
  co_return Result<>();
}

Task<> Keeper::answer(Question question) {
  const bool is_end = question.what == kLeaseEnd;
  if (fate_ == Fate::kLiving && end_ && Clock::now() >= *end_) (void)co_await finish(Fate::kExpired);
  if (fate_ == Fate::kExpired) {
    reply(question, kLeaseExpired);
  } else if (fate_ == Fate::kLost) {
    reply(question, kLeaseGone, why_);
  } else if (fate_ == Fate::kEnded) {
    reply(question, is_end ? kLeaseGood : kLeaseGone);
  } else if (question.what == kLeaseLive) {
    co_return co_await live_for(std::move(question));
  } else if (is_end) {
    const auto ended = co_await finish(Fate::kEnded);
    if (ended) reply(question, kLeaseGood);
    else if (ended.error().code() == Code::kNotFound) reply(question, kLeaseGone, ended_by_them());
    else reply(question, kLeaseFailed, ended.error().message() + "; over there it ends within a minute");
  } else {
    const auto seen = co_await ask("GET", "");
    if (seen) reply(question, kLeaseGood);
    else if (seen.error().code() == Code::kNotFound) reply(question, kLeaseGone);
    else reply(question, kLeaseFailed, seen.error().message());
  }
  co_return Result<>();
}

Task<> Keeper::heed_control() {
  while (control_.is_open()) {
    auto word = take_word(control_.ref());
    if (!word) {
      control_.reset();
      if (fate_ == Fate::kLiving) (void)co_await finish(Fate::kEnded);
      co_return Result<>();
    }
    if (!*word) co_return Result<>();
    const std::string& text = (*word)->text;
    const std::size_t blank = std::min(text.find(' '), text.size() - 1);
    const auto time = whole_number<std::uint64_t>(std::string_view(text).substr(blank + 1)).value_or(0);
    CO_TRY_VOID(co_await answer({.what = (*word)->letter,
                                 .number = text.substr(0, blank),
                                 .time = Milliseconds(static_cast<std::int64_t>(time))}));
  }
  co_return Result<>();
}

Task<> Keeper::keep() {
  CO_TRY_VOID(sys::set_nonblocking(control_.ref(), true));
  CO_TRY_VOID(sys::set_nonblocking(tie_.ref(), true));
  CO_TRY_VOID(sys::confine_self({.writable = {}, .usable = {}, .readable = {}, .has_network = true}));
  while (control_.is_open() || !is_removed_) {
    CO_TRY_VOID(co_await wait_for_something());
    if (tie_.is_open()) CO_TRY_VOID(co_await heed_tie());
    CO_TRY_VOID(co_await heed_control());
    CO_TRY_VOID(co_await heed_clock());
  }
  co_return Result<>();
}

}  // namespace

void keep_lease(LeaseTerms terms, Fd control, Fd tie) {
  // Who ends all of Brig's processes at once wants the sandbox gone, too: this one ends when that is done.
  (void)::signal(SIGTERM, SIG_IGN);
  asio::io_context io(1);
  Keeper keeper(io.get_executor(), std::move(terms), std::move(control), std::move(tie));
  const auto kept = run(io, keeper.keep());
  ::_exit(kept ? 0 : 1);
}

}  // namespace brig::runtimes::remote
