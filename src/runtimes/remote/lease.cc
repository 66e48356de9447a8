#include "runtimes/remote/lease.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "base/text.h"
#include "runtimes/remote/helper.h"
#include "runtimes/remote/lease_keeper.h"
#include "sys/file.h"
#include "sys/seqpacket.h"

namespace brig::runtimes::remote {
namespace {

constexpr int kGoodbye = 3'000;  // milliseconds

}  // namespace

Result<Lease> Lease::start(Destination api, std::string id) {
  if (!sys::is_single_threaded())
    return Error(Code::kUnsupported, "the remote wall is for programs with one thread: it forks");
  auto control = TRY(sys::seqpacket_pair());
  auto tie = TRY(sys::seqpacket_pair());
  TRY(sys::set_nonblocking(control.first.ref(), true));
  std::string host = api.host;
  auto child = TRY(sys::clone(0, FdRef()));
  if (!child) {
    become_helper("brig-lease", std::array{control.second.ref(), tie.second.ref()});
    keep_lease({.api = std::move(api), .id = std::move(id)}, std::move(control.second), std::move(tie.second));
  }
  return Lease(*std::move(child), std::move(control.first), std::move(tie.first), std::move(host));
}

Lease::~Lease() {
  control_.reset();
  tie_.reset();
  if (!process_.is_running()) return;  // moved from
  pollfd event{process_.pidfd().get(), POLLIN, 0};
  (void)!::poll(&event, 1, kGoodbye);
}

/// "NUMBER MILLISECONDS" behind the letter; the answer repeats the number, so that the answer to a question that was
/// given up is nobody's.
Task<Lease::Reply> Lease::ask(char what, Milliseconds time) {
  const std::string number = std::to_string(++asked_);
  tell(control_.ref(), what, number + " " + std::to_string(time.count()));
  while (true) {
    auto word = co_await next_word(control_.ref());
    if (!word && word.error().code() == Code::kUnavailable) {
      co_return Error(Code::kUnavailable,
                      "the process that kept the sandbox of " + host_ + " is gone; it ends over there within a minute");
    }
    if (!word) co_return std::move(word).error();
    const std::size_t blank = word->text.find(' ');
    if (word->text.substr(0, blank) != number) continue;
    co_return Reply{.letter = word->letter,
                    .text = blank == std::string::npos ? "" : printable(word->text.substr(blank + 1), kWordMax)};
  }
}

Task<> Lease::ask_living(char what, Milliseconds time) {
  CO_TRY(const Reply reply, co_await ask(what, time));
  if (reply.letter == kLeaseGood) co_return Result<>();
  if (reply.letter == kLeaseFailed) co_return Error(Code::kUnavailable, reply.text);
  co_return Error(Code::kUnavailable, "the sandbox is gone");
}

Task<> Lease::live_for(Milliseconds from_now) { return ask_living(kLeaseLive, from_now); }
Task<> Lease::look() { return ask_living(kLeaseLook, Milliseconds(0)); }

Task<bool> Lease::end() {
  CO_TRY(const Reply reply, co_await ask(kLeaseEnd, Milliseconds(0)));
  if (reply.letter == kLeaseGood) co_return false;
  if (reply.letter == kLeaseExpired) co_return true;
  co_return Error(Code::kUnavailable, reply.text);
}

}  // namespace brig::runtimes::remote
