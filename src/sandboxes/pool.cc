#include "sandboxes/pool.h"

#include <algorithm>
#include <utility>

#include "async/timer.h"

namespace brig::sandboxes {
namespace {

constexpr Milliseconds kCreateLimit{10'000};
/// Before the next attempt after one that failed, growing to the larger.
constexpr Milliseconds kRetryLeast{100};
constexpr Milliseconds kRetryMost{10'000};
constexpr Milliseconds kDestroyLimit{10'000};
constexpr Milliseconds kMeasureLimit{2'000};
/// Before a new cell is warmed: whoever has taken the last one is at his first context, which a second of imports on
/// the same processors would slow down.
constexpr Milliseconds kQuiet{250};
/// What a prepared cell is taken for where the host cannot measure it, or has not yet.
constexpr Bytes kMemoryGuess = mebibytes(2);

/// A cell without a zygote is a cell: contexts in it start their interpreters themselves.
Task<> warm_up(PreparedCell& prepared, ZygoteSpec spec, asio::any_io_executor executor) {
  CO_TRY_VOID(co_await sleep(kQuiet));
  CO_TRY(const service::Language* const language, service::find_language("python"));
  const auto zygote = std::make_shared<Zygote>(*language, std::move(spec), std::move(executor));
  auto started =
      co_await zygote->start([session = prepared.session.get()]() -> Result<guest::Session*> { return session; });
  if (started) prepared.zygote = zygote;
  else if (started.error().code() == Code::kCancelled) co_return std::move(started).error();
  co_return Result<>();
}

Task<PreparedCell> prepare_measured(runtime::Runtime& runtime, asio::any_io_executor executor, runtime::CellSpec spec,
                                    std::optional<ZygoteSpec> warmth) {
  CO_TRY(PreparedCell prepared, co_await prepare_cell(runtime, executor, std::move(spec)));
  if (warmth) CO_TRY_VOID(co_await warm_up(prepared, *std::move(warmth), std::move(executor)));
  CO_TRY(const runtime::CellReport report,
         co_await with_timeout(kMeasureLimit, prepared.cell->stats(), "measuring a prepared sandbox"));
  prepared.memory = report.memory.count > 0 ? report.memory : kMemoryGuess;
  co_return prepared;
}

}  // namespace

CellKind kind_of(runtime::Runtime& runtime, runtime::RootImage root, policy::Policy policy) {
  const policy::Policy usual;
  policy.environment.clear();
  policy.libraries = {};  // the mounts say which
  policy.limits.timeout = usual.limits.timeout;
  policy.limits.output = usual.limits.output;
  policy.limits.output_total = usual.limits.output_total;
  policy.limits.out_files = usual.limits.out_files;
  policy.require = usual.require;
  policy.on_weakness = usual.on_weakness;
  policy.runtime = usual.runtime;
  return {.runtime = &runtime, .root = std::move(root), .policy = std::move(policy)};
}

Task<PreparedCell> make_cell(runtime::Runtime& runtime, runtime::CellSpec spec) {
  PreparedCell made{.id = spec.id, .cell = {}, .session = {}, .memory = {}, .zygote = {}};
  CO_TRY(made.cell, co_await with_timeout(kCreateLimit, runtime.create(std::move(spec)), "creating the sandbox"));
  co_return made;
}

Task<PreparedCell> prepare_cell(runtime::Runtime& runtime, asio::any_io_executor executor, runtime::CellSpec spec) {
  CO_TRY(PreparedCell prepared, co_await make_cell(runtime, std::move(spec)));
  CO_TRY(prepared.session, guest::Session::connect(executor, prepared.cell->take_channel()));
  CO_TRY_VOID(co_await with_timeout(kCreateLimit, prepared.session->ready(), "greeting the agent in the sandbox"));
  co_return prepared;
}

Pool::Pool(CellKind kind, std::shared_ptr<const Services> services)
    : kind_(std::move(kind)), services_(std::move(services)), changed_(services_->executor),
      tasks_(services_->executor) {
  tasks_.spawn(fill(is_over_, services_));
}

Pool::~Pool() { *is_over_ = true; }

Bytes Pool::expected() const { return last_memory_.value_or(kMemoryGuess); }

Bytes Pool::memory() const {
  Bytes sum = is_making_ ? expected() : Bytes{0};
  for (const PreparedCell& prepared : ready_) sum.count += prepared.memory.count;
  return sum;
}

Bytes Pool::missing() const {
  const std::size_t there = ready_.size() + (is_making_ ? 1 : 0);
  if (is_failing_ || there >= wanted_) return {};
  return {(wanted_ - there) * expected().count};
}

/// `is_over` may be all that is left of the pool when this goes on.
Task<> Pool::fill(std::shared_ptr<bool> is_over, std::shared_ptr<const Services> services) {
  Milliseconds retry = kRetryLeast;
  while (!*is_over) {
    if (ready_.size() >= wanted_ || !services->has_room(*this)) {
      CO_TRY_VOID(co_await changed_.wait());
      continue;
    }
    is_making_ = true;
    auto prepared = co_await prepare_measured(*kind_.runtime, services->executor,
                                              {.id = services->make_id(), .policy = kind_.policy, .root = kind_.root},
                                              services->warmth(kind_));
    if (*is_over) break;  // it was ready in the moment in which it was cancelled
    is_making_ = false;
    is_failing_ = !prepared.has_value();
    if (prepared) {
      last_memory_ = prepared->memory;
      ready_.push_back(*std::move(prepared));
      retry = kRetryLeast;
      continue;
    }
    if (prepared.error().code() == Code::kCancelled) co_return std::move(prepared).error();
    if (retry == kRetryLeast) services->on_failure(prepared.error());
    ++failures_;
    CO_TRY_VOID(co_await sleep(retry));
    retry = std::min(retry * 2, kRetryMost);
  }
  co_return Result<>();
}

std::optional<PreparedCell> Pool::take() {
  if (ready_.empty()) return {};
  PreparedCell taken = std::move(ready_.front());
  ready_.pop_front();
  services_->on_room();
  return taken;
}

void Pool::want(std::size_t count) {
  wanted_ = count;
  while (ready_.size() > wanted_) give_up_one();
  changed_.notify();
}

void Pool::give_up_one() {
  if (ready_.empty()) return;
  PreparedCell given_up = std::move(ready_.front());
  ready_.pop_front();
  services_->let_go(std::move(given_up));
}

Task<> Pool::stop() {
  *is_over_ = true;
  tasks_.cancel();
  wanted_ = 0;
  for (; !ready_.empty(); ready_.pop_front()) {
    (void)co_await with_timeout(kDestroyLimit, ready_.front().cell->destroy(), "removing a prepared sandbox");
  }
  co_return Result<>();
}

}  // namespace brig::sandboxes
