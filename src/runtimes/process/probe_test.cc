#include "runtimes/process/probe.h"

#include <gmock/gmock.h>

namespace brig::runtimes::process {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A host that lacks what a container takes away, or an ordinary user.
std::string mends_of(bool is_root, std::uint32_t uid) {
  HostReport host;
  host.is_root = is_root;
  host.uid = uid;
  host.has_user_namespaces = false;
  std::string text;
  for (const runtime::Finding& finding : probe_host(host, "/none/brig-launch").findings) text += finding.mend + "\n";
  return text;
}

TEST(ProbeHost, TellsAnOrdinaryUserToUseSudo) { EXPECT_THAT(mends_of(false, 1000), HasSubstr("run brig with sudo")); }

TEST(ProbeHost, TellsAContainersRootHowToStartTheContainer) {
  EXPECT_THAT(mends_of(false, 0), Not(HasSubstr("sudo")));
  EXPECT_THAT(mends_of(false, 0), HasSubstr("start the container with"));
}

TEST(ProbeHost, TellsRootNeither) {
  EXPECT_THAT(mends_of(true, 0), Not(HasSubstr("sudo")));
  EXPECT_THAT(mends_of(true, 0), Not(HasSubstr("container")));
}

}  // namespace
}  // namespace brig::runtimes::process
