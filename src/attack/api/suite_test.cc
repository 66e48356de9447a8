#include "attack/api/suite.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

namespace brig::attack::api {
namespace {

Finding found(bool has_reached, bool is_applicable = true) { return {has_reached, "seen", is_applicable}; }

TEST(ApiJudge, HoldsOnlyWhatItsControlReached) {
  const Probe probe{.name = "001_x", .group = Group::kKeys, .attack = {}, .refusal = {}, .run = {}};
  const auto verdict = [&probe](const Result<Finding>& attack, const Result<Finding>& control) {
    return judge(probe, attack, control).verdict;
  };
  const Error trouble(Code::kUnavailable, "no daemon");
  EXPECT_EQ(verdict(found(false), found(true)), Verdict::kHeld);
  EXPECT_EQ(verdict(found(false), found(false)), Verdict::kNotRun);
  EXPECT_EQ(verdict(found(false), trouble), Verdict::kNotRun);
  EXPECT_EQ(verdict(trouble, found(true)), Verdict::kNotRun);
  // A breach is one, whatever became of the control.
  EXPECT_EQ(verdict(found(true), found(true)), Verdict::kBreached);
  EXPECT_EQ(verdict(found(true), found(false)), Verdict::kBreached);
  EXPECT_EQ(verdict(found(true), trouble), Verdict::kBreached);
  EXPECT_EQ(verdict(found(false, false), found(true)), Verdict::kNotApplicable);
  EXPECT_EQ(verdict(found(false), found(false, false)), Verdict::kNotApplicable);
  EXPECT_EQ(verdict(found(true), found(false, false)), Verdict::kBreached);
}

TEST(ApiJudge, ABreachBeatsWhatCouldNotBeRun) {
  const auto code = [](std::vector<Verdict> verdicts) {
    Report report;
    for (const Verdict verdict : verdicts) report.judgements.push_back({nullptr, verdict, {}});
    return exit_code_of(report);
  };
  EXPECT_EQ(code({Verdict::kHeld, Verdict::kNotApplicable}), 0);
  EXPECT_EQ(code({Verdict::kHeld, Verdict::kNotRun}), 125);
  EXPECT_EQ(code({Verdict::kHeld, Verdict::kNotRun, Verdict::kBreached}), 1);
  EXPECT_EQ(code({Verdict::kNotApplicable}), 125);
  EXPECT_EQ(code({}), 125);
}

TEST(ApiProbes, AreNumberedInOrder) {
  std::set<std::string> numbers;
  std::string last;
  for (const Probe& probe : all_probes()) {
    EXPECT_GT(probe.name, last);
    last = probe.name;
    EXPECT_TRUE(numbers.insert(probe.name.substr(0, 3)).second) << probe.name;
    EXPECT_FALSE(probe.attack.empty() || probe.refusal.empty() || !probe.run) << probe.name;
  }
}

// BRIG_ACCEPT=1 writes the generated part anew.
TEST(ApiDocs, ListEveryProbe) {
  constexpr std::string_view kBegin = "<!-- generated: the probes of the API -->\n";
  constexpr std::string_view kEnd = "<!-- end of the generated part of the API -->\n";
  const std::string path = BRIG_SOURCE_DIR "/docs/attack.md";
  std::stringstream buffer;
  buffer << std::ifstream(path).rdbuf();
  const std::string text = buffer.str();
  const std::size_t begin = text.find(kBegin);
  const std::size_t end = text.find(kEnd);
  ASSERT_NE(begin, std::string::npos) << path << " lacks its mark";
  ASSERT_NE(end, std::string::npos) << path << " lacks its mark";
  const std::size_t from = begin + kBegin.size();
  if (const char* accept = std::getenv("BRIG_ACCEPT"); accept != nullptr && std::string_view(accept) == "1") {
    std::ofstream(path) << text.substr(0, from) << markdown_list() << "\n" << text.substr(end);
    GTEST_SKIP() << path << " was written anew";
  }
  EXPECT_EQ(text.substr(from, end - from), markdown_list() + "\n") << "run this test with BRIG_ACCEPT=1";
}

}  // namespace
}  // namespace brig::attack::api
