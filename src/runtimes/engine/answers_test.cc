#include "runtimes/engine/answers.h"

#include <gmock/gmock.h>

namespace brig::runtimes::engine {
namespace {

using ::testing::HasSubstr;

const std::string kId(64, 'a');

TEST(About, SaysWhichEngineItIsAndWhatItCan) {
  constexpr std::string_view kVersion =
      R"({"Components":[{"Name":"Engine","Details":{"Arch":"amd64"}}],"Version":"20.10.24","ApiVersion":"1.41"})";
  constexpr std::string_view kInfo =
      R"({"MemoryLimit":true,"PidsLimit":true,"CpuCfsQuota":true,"SecurityOptions":["name=seccomp,profile=default"]})";
  const auto docker = read_about(kVersion, kInfo);
  ASSERT_TRUE(docker.has_value()) << docker.error().message();
  EXPECT_EQ(*docker, (About{.name = "Docker 20.10.24", .may_limit = true}));
  const auto podman = read_about(R"({"Components":[{"Name":"Podman Engine"}],"Version":"4.3.1"})",
                                 R"({"MemoryLimit":true,"SecurityOptions":["name=rootless"]})");
  ASSERT_TRUE(podman.has_value()) << podman.error().message();
  EXPECT_EQ(*podman,
            (About{.name = "Podman 4.3.1", .is_podman = true, .is_rootless = true, .has_user_namespaces = true}));
}

TEST(About, OfWhatIsNoEngineIsAnError) {
  for (const char* text : {"", "[]", "<html>", R"({"SecurityOptions":7})", R"({"SecurityOptions":[7]})"})
    EXPECT_FALSE(read_about("{}", text).has_value()) << text;
}

TEST(Created, IsAnIdAndNoPath) {
  EXPECT_EQ(*read_created(R"({"Id":")" + kId + R"(","Warnings":null})"), kId);
  for (const std::string& id : {std::string("../../info"), std::string(63, 'a'), std::string(64, 'G'), std::string()})
    EXPECT_FALSE(read_created(R"({"Id":")" + id + R"("})").has_value()) << id;
  EXPECT_FALSE(read_created("{}").has_value());
}

TEST(Standing, SaysWhoRuns) {
  const auto running = read_standing(R"({"Id":"x","State":{"Running":true,"Pid":4711,"Error":""},"HostConfig":{}})");
  ASSERT_TRUE(running.has_value()) << running.error().message();
  EXPECT_EQ(running->pid, 4711);
  EXPECT_TRUE(running->is_running);
  EXPECT_FALSE(read_standing(R"({"State":{"Running":true,"Pid":-1}})").has_value());
  EXPECT_FALSE(read_standing(R"({"State":{"Running":true,"Pid":99999999999}})").has_value());
  EXPECT_FALSE(read_standing(R"({"State":[]})").has_value());
}

TEST(List, HasOurLabelOrNone) {
  const auto list =
      read_list(R"([{"Id":")" + kId + R"(","Labels":{"brig.keeper":"a b"}},{"Id":")" + kId + R"(","Labels":null}])");
  ASSERT_TRUE(list.has_value()) << list.error().message();
  ASSERT_EQ(list->size(), 2U);
  EXPECT_EQ(list->at(0).keeper, "a b");
  EXPECT_EQ(list->at(1).keeper, "");
  EXPECT_FALSE(read_list(R"([{"Id":"../x"}])").has_value());
}

TEST(ErrorOf, QuotesTheEngineWithoutItsControlCharacters) {
  const Error error = error_of(404, R"({"message":"no \u001b[31m such"})", "Docker");
  EXPECT_EQ(error.code(), Code::kNotFound);
  EXPECT_THAT(error.message(), HasSubstr("Docker says: no"));
  EXPECT_EQ(error.message().find('\x1b'), std::string::npos);
  EXPECT_THAT(error_of(500, "<html>", "Docker").message(), HasSubstr("answered 500"));
}

}  // namespace
}  // namespace brig::runtimes::engine
