#include "runtime/walls.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "runtime/testing/fake_runtime.h"

namespace brig::runtime {
namespace {

using policy::Boundary;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Walls as this machine could have them.
class ChooseTest : public ::testing::Test {
 protected:
  void add(const std::string& name, Boundary boundary) {
    probes_.push_back({.is_available = true, .boundary = boundary, .findings = {}});
    names_.push_back(name);
    why_not_.emplace_back();
  }
  void break_wall(std::size_t index) {
    probes_[index].is_available = false;
    probes_[index].findings = {{Finding::State::kGood, "kernel", "Linux", ""},
                               {Finding::State::kMissing, "runsc", "is not installed", "apt-get install runsc"}};
  }
  Result<Choice> choose(const std::string& wanted, std::vector<std::string> allowed = {}, bool is_probed = true) {
    std::vector<Candidate> candidates;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      candidates.push_back({.name = names_[i],
                            .admit = [this, i]() -> Result<> {
                              if (probes_[i].boundary >= floor_ && why_not_[i].empty()) return {};
                              return Error(Code::kUnsupported,
                                           why_not_[i].empty() ? names_[i] + " is too weak" : why_not_[i]);
                            },
                            .probe = [this, i]() -> const Probe& {
                              ++probed_[i];
                              return probes_[i];
                            }});
    }
    return runtime::choose({.runtime = wanted, .allowed = std::move(allowed), .is_probed = is_probed}, candidates);
  }
  void SetUp() override {
    add("process", Boundary::kSharedKernel);
    add("container", Boundary::kSharedKernel);
    add("gvisor", Boundary::kUserSpaceKernel);
  }

  std::vector<std::string> names_;
  std::vector<Probe> probes_;
  std::vector<std::string> why_not_;
  std::map<std::size_t, int> probed_;
  Boundary floor_ = Boundary::kSharedKernel;
};

TEST_F(ChooseTest, TheFastestIsTheFirstAndTheOthersAreNotLookedAt) {
  const auto choice = choose("fastest");
  ASSERT_TRUE(choice) << choice.error().message();
  EXPECT_EQ(choice->index, 0U);
  EXPECT_EQ(choice->reason, "the fastest wall that is good enough");
  EXPECT_EQ(probed_.size(), 1U);
}

TEST_F(ChooseTest, WhoTriesAtOnceNeedsNoProbeButForTheStrongest) {
  break_wall(0);
  EXPECT_EQ(choose("fastest", {}, false)->index, 0U);
  EXPECT_EQ(choose("gvisor", {}, false)->index, 2U);
  why_not_[1] = "runc is not installed";
  EXPECT_THAT(choose("container", {}, false).error().message(), HasSubstr("runc is not installed"));
  EXPECT_TRUE(probed_.empty());
  EXPECT_EQ(choose("auto", {}, false)->index, 2U);
  EXPECT_FALSE(probed_.empty());
}

TEST_F(ChooseTest, TheFastestMeetsTheFloorAndSaysWhatWasPassedOver) {
  floor_ = Boundary::kUserSpaceKernel;
  const auto choice = choose("fastest");
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->index, 2U);
  EXPECT_THAT(choice->reason, AllOf(HasSubstr("process (process is too weak)"), HasSubstr("container (")));
}

TEST_F(ChooseTest, AutoIsTheStrongestThatWorks) {
  EXPECT_EQ(choose("auto")->index, 2U);
  break_wall(2);
  const auto choice = choose("auto");
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->index, 0U) << "of two that are as strong it is the faster one";
  EXPECT_THAT(choice->reason, AllOf(HasSubstr("the strongest wall that works here"),
                                    HasSubstr("runsc: is not installed (apt-get install runsc)")));
}

TEST_F(ChooseTest, AWallInWhichOrdinaryProgramsFailIsTakenByNameOrIfNothingElseWillDo) {
  probes_[2].breaks = "ls fails in it";
  const auto strongest = choose("auto");
  ASSERT_TRUE(strongest);
  EXPECT_EQ(strongest->index, 0U);
  EXPECT_THAT(strongest->reason, HasSubstr("passed over: gvisor (ls fails in it)"));
  EXPECT_EQ(choose("gvisor")->reason, "asked for by name; know that ls fails in it");
  floor_ = Boundary::kUserSpaceKernel;
  const auto only = choose("fastest");
  ASSERT_TRUE(only);
  EXPECT_EQ(only->index, 2U);
  EXPECT_THAT(only->reason, HasSubstr("know that ls fails in it"));
  add("other", Boundary::kUserSpaceKernel);
  for (const bool is_probed : {true, false}) EXPECT_EQ(choose("fastest", {}, is_probed)->index, 3U);
  EXPECT_EQ(choose("auto")->index, 3U);
}

TEST_F(ChooseTest, WhatCannotEnforceAllIsPassedOver) {
  why_not_[2] = "no read-write mounts behind gvisor";
  const auto choice = choose("auto");
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->index, 0U);
  EXPECT_THAT(choice->reason, HasSubstr("no read-write mounts"));
}

TEST_F(ChooseTest, ANameIsThatWallOrNone) {
  EXPECT_EQ(choose("container")->index, 1U);
  EXPECT_EQ(choose("container")->reason, "asked for by name");
  break_wall(2);
  const auto broken = choose("gvisor");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code(), Code::kUnsupported);
  EXPECT_THAT(broken.error().message(), AllOf(HasSubstr("gvisor"), HasSubstr("apt-get install runsc")));
  floor_ = Boundary::kUserSpaceKernel;
  EXPECT_EQ(choose("process").error().code(), Code::kUnsupported);
}

TEST_F(ChooseTest, AnUnknownNameIsAMistakeThatIsExplained) {
  const auto choice = choose("gvisr");
  ASSERT_FALSE(choice);
  EXPECT_EQ(choice.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(choice.error().message(), AllOf(HasSubstr("did you mean \"gvisor\""), HasSubstr("process, container")));
}

TEST_F(ChooseTest, WhatIsNotAllowedIsNotTakenHoweverItIsAskedFor) {
  EXPECT_EQ(choose("process", {"gvisor"}).error().code(), Code::kDenied);
  EXPECT_EQ(choose("fastest", {"gvisor"})->index, 2U);
  EXPECT_EQ(choose("auto", {"container", "process"})->index, 0U);
  EXPECT_EQ(choose("auto", {"cell"}).error().code(), Code::kDenied);
}

TEST_F(ChooseTest, WhenNoneWillDoEachSaysWhatItLacks) {
  floor_ = Boundary::kUserSpaceKernel;
  break_wall(2);
  const auto choice = choose("fastest");
  ASSERT_FALSE(choice);
  EXPECT_EQ(choice.error().code(), Code::kUnsupported);
  EXPECT_THAT(choice.error().message(), AllOf(HasSubstr("process is too weak"), HasSubstr("container is too weak"),
                                              HasSubstr("apt-get install runsc")));
  const auto bound = choose("fastest", {"process", "container"});
  EXPECT_THAT(bound.error().message(), HasSubstr("this key may not use gvisor"));
}

TEST(Walls, AreMadeWhenSomebodyLooks) {
  int made = 0;
  testing::FakeRuntime fake;
  std::vector<Walls::Offer> offers;
  offers.push_back({"broken", []() -> Result<std::unique_ptr<Runtime>> {
                      return Error(Code::kNotFound, "Brig's helper is missing");
                    }});
  offers.push_back({"fake", [&made]() -> Result<std::unique_ptr<Runtime>> {
                      ++made;
                      return std::make_unique<testing::FakeRuntime>();
                    }});
  Walls walls(std::move(offers));
  EXPECT_EQ(made, 0);
  EXPECT_THAT(walls.names(), ElementsAre("broken", "fake"));
  const auto chosen = walls.choose({});
  ASSERT_TRUE(chosen) << chosen.error().message();
  EXPECT_EQ(chosen->runtime->name(), "fake");
  EXPECT_THAT(chosen->reason, HasSubstr("broken (Brig's helper is missing)"));
  ASSERT_TRUE(walls.find("fake"));
  EXPECT_EQ(made, 1);
  EXPECT_FALSE(walls.probe("broken").is_available);
  EXPECT_THAT(why_not(walls.probe("broken")), HasSubstr("helper is missing"));
  EXPECT_TRUE(walls.ready());
}

TEST(Walls, ATemplateThatIsAnImageNeedsAWallThatCanUseIt) {
  testing::FakeRuntime plain;
  testing::FakeRuntime able("able", Boundary::kSharedKernel);
  able.behaviour.may_use_images = true;
  Walls walls{plain, able};
  const RootImage image{.name = "science", .digest = std::string(64, 'a'), .file = *HostPath::parse("/images/a")};
  const auto chosen = walls.choose({}, image);
  ASSERT_TRUE(chosen) << chosen.error().message();
  EXPECT_EQ(chosen->runtime->name(), "able");
  EXPECT_EQ(walls.choose({})->runtime->name(), "fake");
  policy::Policy policy;
  policy.runtime = "fake";
  const auto named = walls.choose(policy, image);
  EXPECT_EQ(named.error().code(), Code::kUnsupported);
  EXPECT_THAT(named.error().message(), HasSubstr("template science"));
  const bool is_told_to_be_root = named.error().message().find("run as root") != std::string::npos;
  EXPECT_EQ(is_told_to_be_root, ::geteuid() != 0) << "nobody is told to become who they are";
}

TEST(Walls, AreReadyWhenEachThatWorksIs) {
  testing::FakeRuntime one;
  Walls walls{one};
  EXPECT_TRUE(walls.ready());
  one.behaviour.ready_error = Error(Code::kUnavailable, "gone");
  EXPECT_FALSE(walls.ready());
}

}  // namespace
}  // namespace brig::runtime
