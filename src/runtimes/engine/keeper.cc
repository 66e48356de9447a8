#include "runtimes/engine/keeper.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include "runtimes/process/end_of_life.h"
#include "sys/seqpacket.h"

namespace brig::runtimes::engine {
namespace {

using process::Answer;
using process::Ask;
using process::AskMessage;
using Clock = std::chrono::steady_clock;

/// An engine takes a while to remove a container: only then does the kernel end a keeper whose engine does not answer.
/// The relay ends with it, and brig-init with the relay.
constexpr Milliseconds kGrace{5'000};

class Keeper {
 public:
  explicit Keeper(KeeperJob job) : job_(std::move(job)), container_(job_.order) {}

  void run() {
    auto made = make();
    if (!made) {
      (void)container_.remove();
      send(process::Failed{std::move(made).error()});
      return;
    }
    send(process::Ready{*std::move(made)});
    container_.sweep();
    serve();
    finish();
  }

 private:
  Result<runtime::Attestation> make() {
    TRY(end_of_life_.set(job_.order.request.lifetime));
    return container_.make(std::move(job_.guest), std::move(job_.talk));
  }
  void serve();
  void finish();
  Result<> act(const AskMessage& question);
  [[nodiscard]] Answer answer(const AskMessage& question);
  void look();
  [[nodiscard]] runtime::CellReport report() const;
  void send(const process::Reply& reply) const {
    // If the owner is gone there is nobody to tell.
    const std::string bytes = process::encode(reply);
    (void)sys::send_message(job_.control.ref(), std::as_bytes(std::span(bytes)));
  }

  KeeperJob job_;
  Container container_;
  Clock::time_point born_ = Clock::now();
  process::EndOfLife end_of_life_{kGrace};
  bool has_expired_ = false;
  bool has_ended_ = false;  ///< by itself
  sys::CgroupCounters counters_;
  sys::CgroupUse use_;
};

void Keeper::serve() {
  std::array<std::byte, 64> buffer;
  while (!end_of_life_.is_over()) {
    std::array<pollfd, 3> events{pollfd{job_.control.get(), POLLIN, 0}, pollfd{container_.ended().get(), POLLIN, 0},
                                 pollfd{container_.unattached().get(), POLLIN, 0}};
    if (::poll(events.data(), events.size(), end_of_life_.patience()) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    has_ended_ = events[1].revents != 0 || events[2].revents != 0;
    if (has_ended_) return;
    // Whoever asks for more time too late gets none: the clock is looked at before the question.
    if (events[0].revents == 0 || end_of_life_.is_over()) continue;
    const auto message = sys::receive_message(job_.control.ref(), buffer);
    if (!message || message->size == 0) return;  // the owner is gone
    const auto question = process::decode_ask({reinterpret_cast<const char*>(buffer.data()), message->size});
    if (!question || question->what == Ask::kDestroy) return;
    send(answer(*question));
  }
}

Result<> Keeper::act(const AskMessage& question) {
  switch (question.what) {
    case Ask::kSetLifetime: return end_of_life_.set(question.lifetime);
    case Ask::kPause: return container_.pause();
    case Ask::kResume: return container_.resume();
    case Ask::kStats:
    case Ask::kDestroy: break;
  }
  return {};
}

/// Keeps the largest of what was seen: a group that is gone says nothing.
void Keeper::look() {
  if (!container_.group()) return;
  const sys::CgroupCounters counters = container_.group()->counters();
  counters_.peak_memory = std::max(counters_.peak_memory, counters.peak_memory);
  counters_.memory_kills = std::max(counters_.memory_kills, counters.memory_kills);
  counters_.pids_refusals = std::max(counters_.pids_refusals, counters.pids_refusals);
  const Milliseconds before = use_.cpu;
  use_ = container_.group()->use();
  use_.cpu = std::max(use_.cpu, before);
}

Answer Keeper::answer(const AskMessage& question) {
  Answer answer{.serial = question.serial, .error = {}, .report = {}};
  Result<> done = act(question);
  if (!done) answer.error = std::move(done).error();
  look();
  answer.report = report();
  answer.report.memory = use_.memory;
  answer.report.pids = use_.pids - std::min<std::uint64_t>(use_.pids, 1);  // the agent
  return answer;
}

void Keeper::finish() {
  look();
  const Result<> removed = container_.remove();
  has_expired_ = end_of_life_.is_over();
  if (removed) return send(process::Ended{report()});
  send(process::Failed{Error(removed.error()).context(has_ended_ ? "the sandbox was lost" : "remove the sandbox")});
}

runtime::CellReport Keeper::report() const {
  runtime::CellReport report;
  report.usage.wall = std::chrono::duration_cast<Milliseconds>(Clock::now() - born_);
  report.usage.cpu = use_.cpu;
  report.usage.peak_memory = counters_.peak_memory;
  report.memory_kills = counters_.memory_kills;
  report.pids_refusals = counters_.pids_refusals;
  report.has_expired = has_expired_;
  return report;
}

}  // namespace

void run_keeper(KeeperJob job) { Keeper(std::move(job)).run(); }

}  // namespace brig::runtimes::engine
