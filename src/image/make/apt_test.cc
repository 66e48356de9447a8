#include "image/make/apt.h"

#include <gtest/gtest.h>

namespace brig::image {
namespace {

using Kind = AptStep::Kind;

TEST(Simulation, StepsComeInAptsOrder) {
  const auto steps = parse_simulation(
      "NOTE: This is only a simulation!\n"
      "Inst gcc-12-base (12.2.0-14+deb12u1 Debian:12.15/oldstable [amd64])\n"
      "Inst git (1:2.39.5-0+deb12u3 Debian:12.15/oldstable, Debian-Security:12/oldstable-security [amd64]) []\n"
      "Inst adduser (3.134 Debian:12.15/oldstable [all])\n"
      "Conf gcc-12-base (12.2.0-14+deb12u1 Debian:12.15/oldstable [amd64])\n");
  ASSERT_TRUE(steps) << steps.error().message();
  const std::vector<AptStep> expected{{Kind::kUnpack, "gcc-12-base", "12.2.0-14+deb12u1", "amd64"},
                                      {Kind::kUnpack, "git", "1:2.39.5-0+deb12u3", "amd64"},
                                      {Kind::kUnpack, "adduser", "3.134", "all"},
                                      {Kind::kConfigure, "gcc-12-base", "12.2.0-14+deb12u1", "amd64"}};
  EXPECT_EQ(*steps, expected);
}

TEST(Simulation, NothingThatAShellOrAPathWouldReadGetsThrough) {
  for (const char* line :
       {"Inst a;reboot (1 Debian [amd64])", "Inst ../x (1 Debian [amd64])", "Inst -x (1 Debian [amd64])",
        "Inst x (1/../2 Debian [amd64])", "Inst x ($(reboot) Debian [amd64])", "Inst x (1 Debian [../..])",
        "Inst x (1 Debian [])", "Inst x (1 Debian", "Inst x", "Inst ", "Inst x [1] (2 Debian [amd64])",
        "Conf x:i386 (1 Debian [i386])"}) {
    const auto steps = parse_simulation(std::string(line) + "\n");
    ASSERT_FALSE(steps) << line;
    EXPECT_EQ(steps.error().code(), Code::kUnavailable);
  }
}

TEST(PackageFile, AnEpochIsWrittenAsAptWritesIt) {
  EXPECT_EQ(package_file({Kind::kUnpack, "git", "1:2.39.5-0+deb12u3", "amd64"}), "git_1%3a2.39.5-0+deb12u3_amd64.deb");
}

}  // namespace
}  // namespace brig::image
