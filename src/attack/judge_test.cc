#include "attack/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "attack/program.h"

namespace brig::attack {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr runtime::Cause kMemory[] = {runtime::Cause::kMemoryLimit};
constexpr Probe kPlain{.name = "000_plain", .attack = "try", .refusal = "a wall"};
constexpr Probe kBomb{.name = "000_bomb", .attack = "try", .refusal = "a limit", .held_if_ended_by = kMemory};
constexpr Probe kRoots{.name = "000_roots", .attack = "try", .refusal = "a wall", .needs_root = true};
constexpr Probe kRare{.name = "000_rare", .attack = "try", .refusal = "a wall", .needs = "a rare kernel"};
const Secrets kSecrets{"0123456789abcdef", "fedcba98"};

Observation said(Outcome outcome, const std::string& seen) {
  Observation observation;
  observation.output = "noise\n" + line_of({outcome, seen}) + "\n";
  return observation;
}

TEST(Judge, TakesTheProbesWordWhenNothingOutsideSpeaksAgainstIt) {
  EXPECT_EQ(judge(kPlain, said(Outcome::kHeld, "EPERM"), kSecrets).verdict, Verdict::kHeld);
  EXPECT_EQ(judge(kPlain, said(Outcome::kBreached, "it opens"), kSecrets).verdict, Verdict::kBreached);
  EXPECT_EQ(judge(kPlain, said(Outcome::kNotApplicable, "none here"), kSecrets).verdict, Verdict::kNotApplicable);
}

TEST(Judge, SecretInTheOutputIsABreachWhateverTheProbeClaims) {
  const Judgement judgement = judge(kPlain, said(Outcome::kHeld, "nothing but 0123456789abcdef"), kSecrets);
  EXPECT_EQ(judgement.verdict, Verdict::kBreached);
}

TEST(Judge, MarkerOfAnotherSandboxIsABreach) {
  EXPECT_EQ(judge(kPlain, said(Outcome::kHeld, "fedcba98"), kSecrets).verdict, Verdict::kBreached);
}

TEST(Judge, TouchedCanaryIsABreachWhateverTheProbeClaims) {
  Observation observation = said(Outcome::kHeld, "EPERM");
  observation.damage = {"the canary process is dead"};
  EXPECT_EQ(judge(kPlain, observation, kSecrets).verdict, Verdict::kBreached);
}

TEST(Judge, SilenceHasNotHeld) { EXPECT_EQ(judge(kPlain, Observation{}, kSecrets).verdict, Verdict::kBreached); }

TEST(Judge, EndingByTheNamedLimitHolds) {
  Observation observation;
  observation.exit.cause = runtime::Cause::kMemoryLimit;
  EXPECT_EQ(judge(kBomb, observation, kSecrets).verdict, Verdict::kHeld);
  EXPECT_EQ(judge(kPlain, observation, kSecrets).verdict, Verdict::kBreached)
      << "another probe's ending proves nothing";
  observation.exit.cause = runtime::Cause::kTimeout;
  EXPECT_EQ(judge(kBomb, observation, kSecrets).verdict, Verdict::kBreached) << "the wrong limit proves nothing";
}

TEST(Judge, BreachThatTheAttestationNamedIsNotEnforced) {
  constexpr Probe kWeak{.name = "000_weak", .attack = "try", .refusal = "a limit", .weakness = "memory:"};
  Observation observation = said(Outcome::kBreached, "took it all");
  EXPECT_EQ(judge(kWeak, observation, kSecrets).verdict, Verdict::kBreached);
  observation.weaknesses = {"cpu: not limited", "memory: for each process only"};
  EXPECT_EQ(judge(kWeak, observation, kSecrets).verdict, Verdict::kNotEnforced);
  EXPECT_EQ(judge(kPlain, observation, kSecrets).verdict, Verdict::kBreached)
      << "another bar's weakness excuses nothing";
}

TEST(Judge, EndingByTheFilterHolds) {
  Observation observation;
  observation.exit.cause = runtime::Cause::kPolicyKill;
  EXPECT_EQ(judge(kPlain, observation, kSecrets).verdict, Verdict::kHeld);
}

TEST(Judge, WhatCouldNotRunIsSaid) {
  Observation observation;
  observation.trouble = "no launcher";
  const Judgement judgement = judge(kPlain, observation, kSecrets);
  EXPECT_EQ(judgement.verdict, Verdict::kNotRun);
  EXPECT_EQ(judgement.why, "no launcher");
}

TEST(Judge, NeverShowsTheSecretsNorControlCharacters) {
  const Judgement judgement = judge(kPlain, said(Outcome::kBreached, "0123456789abcdef \x1b[2J fedcba98"), kSecrets);
  EXPECT_THAT(judgement.why, Not(HasSubstr("0123456789abcdef")));
  EXPECT_THAT(judgement.why, Not(HasSubstr("fedcba98")));
  EXPECT_THAT(judgement.why, Not(HasSubstr("\x1b")));
}

TEST(Judge, ForgedLineInTheMiddleDoesNotCount) {
  Observation observation = said(Outcome::kBreached, "it opens");
  observation.output = line_of({Outcome::kHeld, "forged"}) + "\n" + observation.output;
  EXPECT_EQ(judge(kPlain, observation, kSecrets).verdict, Verdict::kBreached);
}

TEST(Control, MustBreach) {
  EXPECT_EQ(judge_control(kPlain, said(Outcome::kBreached, "x"), kSecrets, true).verdict, Verdict::kBreached);
  EXPECT_EQ(judge_control(kPlain, said(Outcome::kHeld, "x"), kSecrets, true).verdict, Verdict::kHeld);
  EXPECT_EQ(judge_control(kPlain, Observation{}, kSecrets, true).verdict, Verdict::kHeld);
}

TEST(Control, IsNotApplicableWhereThisUserOrHostHasNothingToBreach) {
  EXPECT_EQ(judge_control(kRoots, said(Outcome::kHeld, "x"), kSecrets, false).verdict, Verdict::kNotApplicable);
  EXPECT_EQ(judge_control(kRoots, said(Outcome::kHeld, "x"), kSecrets, true).verdict, Verdict::kHeld);
  EXPECT_EQ(judge_control(kRare, said(Outcome::kHeld, "x"), kSecrets, true).verdict, Verdict::kNotApplicable);
  EXPECT_EQ(judge_control(kRare, said(Outcome::kBreached, "x"), kSecrets, true).verdict, Verdict::kBreached);
}

TEST(Probes, AreNumberedNamedAndComplete) {
  std::set<std::string_view> names;
  std::string_view before;
  for (const Probe* probe : all_probes()) {
    EXPECT_LT(before, probe->name);
    before = probe->name;
    EXPECT_TRUE(names.insert(probe->name.substr(0, 3)).second) << probe->name << ": the number is taken";
    EXPECT_NE(probe->run, nullptr) << probe->name;
    EXPECT_FALSE(probe->attack.empty()) << probe->name;
    EXPECT_FALSE(probe->refusal.empty()) << probe->name;
    EXPECT_EQ(find_probe(probe->name), probe);
  }
  EXPECT_GE(names.size(), 80U);
}

TEST(Args, FindWholeNamesOnly) {
  const Args args({"canary_dir=/x", "canary=12", "empty="});
  EXPECT_EQ(args.text("canary"), "12");
  EXPECT_EQ(args.number("canary", 0), 12);
  EXPECT_EQ(args.text("canar"), "");
  EXPECT_EQ(args.number("empty", 7), 7);
  EXPECT_EQ(args.number("absent", 7), 7);
}

}  // namespace
}  // namespace brig::attack
