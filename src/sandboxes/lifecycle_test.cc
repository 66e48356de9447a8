#include "sandboxes/lifecycle.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <rapidcheck/state.h>

namespace brig::sandboxes {
namespace {

using namespace std::chrono_literals;

WallTime at(Milliseconds time) { return WallTime{time}; }

TEST(Lifecycle, ExpiresAtItsTimeToLive) {
  Lifecycle life(at(1s), {.ttl = 10s});
  EXPECT_EQ(life.due(), at(11s));
  EXPECT_EQ(life.due_reason(), EndReason::kExpired);
}

TEST(Lifecycle, AnUseMovesTheIdleEndButNotTheOther) {
  Lifecycle life(at(0s), {.ttl = 10s, .idle = 4s});
  EXPECT_EQ(life.due(), at(4s));
  EXPECT_EQ(life.due_reason(), EndReason::kIdle);
  life.use(at(3s));
  EXPECT_EQ(life.due(), at(7s));
  life.use(at(9s));
  EXPECT_EQ(life.due(), at(10s));
  EXPECT_EQ(life.due_reason(), EndReason::kExpired);
}

TEST(Lifecycle, WhatHasExpiredIsNotRevived) {
  Lifecycle life(at(0s), {.ttl = 10s});
  EXPECT_TRUE(life.change_lifespan(at(9999ms), {.ttl = 10s, .idle = {}}));
  EXPECT_EQ(life.due(), at(19999ms));
  EXPECT_EQ(life.change_lifespan(at(19999ms), {.ttl = 10s, .idle = {}}).error().code(), Code::kConflict);
}

TEST(Lifecycle, TheFirstReasonCounts) {
  Lifecycle life(at(0s), {});
  EXPECT_FALSE(life.due());
  EXPECT_TRUE(life.end(EndReason::kGuestLost));
  EXPECT_FALSE(life.end(EndReason::kKilled));
  EXPECT_EQ(life.end_reason(), EndReason::kGuestLost);
  EXPECT_EQ(to_string(life.state(), life.end_reason()), "failed");
}

TEST(Lifecycle, SaysWhyItCannot) {
  Lifecycle life(at(0s), {});
  EXPECT_EQ(life.pause().error().message(), "the sandbox cannot be paused: it is creating");
  ASSERT_TRUE(life.started());
  ASSERT_TRUE(life.pause());
  EXPECT_EQ(life.pause().error().message(), "the sandbox cannot be paused: it is paused");
  life.end(EndReason::kExpired);
  EXPECT_EQ(life.resume(at(1s)).error().message(), "the sandbox cannot be resumed: it has ended (expired)");
}

/// The model: what people believe of a sandbox, without the class's own arithmetic.
struct Model {
  State state = State::kCreating;
  EndReason reason = EndReason::kKilled;
  WallTime now{0ms};
  std::optional<Milliseconds> ttl;
  std::optional<Milliseconds> idle;
  WallTime set_at{0ms};
  WallTime used_at{0ms};

  [[nodiscard]] bool is_over() const { return (ttl && set_at + *ttl <= now) || (idle && used_at + *idle <= now); }
};

using Action = rc::state::Command<Model, Lifecycle>;

struct Start : Action {
  void checkPreconditions(const Model& m) const override { RC_PRE(m.state == State::kCreating); }
  void apply(Model& m) const override { m.state = State::kRunning; }
  void run(const Model&, Lifecycle& life) const override { RC_ASSERT(life.started().has_value()); }
};

struct Pause : Action {
  void apply(Model& m) const override {
    if (m.state == State::kRunning) m.state = State::kPaused;
  }
  void run(const Model& m, Lifecycle& life) const override {
    RC_ASSERT(life.pause().has_value() == (m.state == State::kRunning));
  }
};

struct Resume : Action {
  void apply(Model& m) const override {
    if (m.state != State::kPaused) return;
    m.state = State::kRunning;
    m.used_at = m.now;
  }
  void run(const Model& m, Lifecycle& life) const override {
    RC_ASSERT(life.resume(m.now).has_value() == (m.state == State::kPaused));
  }
};

struct Wait : Action {
  int by = *rc::gen::inRange(0, 5000);
  void apply(Model& m) const override { m.now += Milliseconds(by); }
  void run(const Model& m, Lifecycle& life) const override {
    const WallTime then = m.now + Milliseconds(by);
    Model after = m;
    after.now = then;
    const bool is_due = life.due() && *life.due() <= then;
    RC_ASSERT(is_due == (m.state != State::kEnded && after.is_over()));
  }
};

struct Use : Action {
  void apply(Model& m) const override {
    if (m.state != State::kEnded) m.used_at = m.now;
  }
  void run(const Model& m, Lifecycle& life) const override { life.use(m.now); }
};

struct Extend : Action {
  int milliseconds = *rc::gen::inRange(0, 9000);  // 0 = none
  [[nodiscard]] std::optional<Milliseconds> ttl() const {
    return milliseconds == 0 ? std::nullopt : std::optional(Milliseconds(milliseconds));
  }
  void apply(Model& m) const override {
    if (m.state == State::kEnded || m.is_over()) return;
    m.ttl = ttl();
    m.set_at = m.used_at = m.now;
  }
  void run(const Model& m, Lifecycle& life) const override {
    const bool may = m.state != State::kEnded && !m.is_over();
    RC_ASSERT(life.change_lifespan(m.now, {.ttl = ttl(), .idle = {}}).has_value() == may);
  }
};

/// Another idle time: the end of the time-to-live stays.
struct ChangeIdle : Action {
  int milliseconds = *rc::gen::inRange(0, 9000);  // 0 = none
  [[nodiscard]] std::optional<Milliseconds> idle() const {
    return milliseconds == 0 ? std::nullopt : std::optional(Milliseconds(milliseconds));
  }
  void apply(Model& m) const override {
    if (m.state == State::kEnded || m.is_over()) return;
    m.idle = idle();
    m.used_at = m.now;
  }
  void run(const Model& m, Lifecycle& life) const override {
    const bool may = m.state != State::kEnded && !m.is_over();
    RC_ASSERT(life.change_lifespan(m.now, {.ttl = {}, .idle = idle()}).has_value() == may);
  }
};

struct End : Action {
  EndReason reason = *rc::gen::element(EndReason::kKilled, EndReason::kExpired, EndReason::kGuestLost);
  void apply(Model& m) const override {
    if (m.state == State::kEnded) return;
    m.state = State::kEnded;
    m.reason = reason;
  }
  void run(const Model& m, Lifecycle& life) const override {
    RC_ASSERT(life.end(reason) == (m.state != State::kEnded));
    RC_ASSERT(life.end_reason() == (m.state == State::kEnded ? m.reason : reason));
  }
};

RC_GTEST_PROP(LifecycleModel, IsWhatPeopleBelieve, ()) {
  Model model;
  model.ttl = Milliseconds(*rc::gen::inRange(1, 20000));
  model.idle = Milliseconds(*rc::gen::inRange(1, 10000));
  Lifecycle life(model.now, {.ttl = model.ttl, .idle = model.idle});
  rc::state::check(model, life,
                   rc::state::gen::execOneOfWithArgs<Start, Pause, Resume, Wait, Use, Extend, ChangeIdle, End>());
}

}  // namespace
}  // namespace brig::sandboxes
