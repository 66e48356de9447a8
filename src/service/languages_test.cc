#include "service/languages.h"

#include <gmock/gmock.h>

namespace brig::service {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const Language& language(std::string_view name) { return **find_language(name); }

TEST(FindLanguage, KnowsNamesAndAliases) {
  EXPECT_EQ(language("python").name, "python");
  EXPECT_EQ(language("PY").name, "python");
  EXPECT_EQ(language("python3").name, "python");
  EXPECT_EQ(language("node").name, "javascript");
  EXPECT_EQ(language("js").name, "javascript");
  EXPECT_EQ(language("sh").name, "bash");
  EXPECT_EQ(language("TS").name, "typescript");
  EXPECT_EQ(language("R").name, "r");
  EXPECT_EQ(language("Rscript").name, "r");
}

TEST(FindLanguage, RefusesTheRestWithTheList) {
  const auto wrong = find_language("pyhton");
  ASSERT_FALSE(wrong.has_value());
  EXPECT_EQ(wrong.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(wrong.error().message(), HasSubstr("did you mean \"python\""));
  EXPECT_THAT(wrong.error().message(), HasSubstr("python, javascript, bash, typescript, java, r"));
  EXPECT_FALSE(find_language("").has_value());
}

TEST(LanguageOfFile, GoesByTheExtension) {
  EXPECT_EQ(language_of_file("a.PY")->name, "python");
  EXPECT_EQ(language_of_file("a.b.mjs")->name, "javascript");
  EXPECT_EQ(language_of_file("a.sh")->name, "bash");
  EXPECT_EQ(language_of_file("a.R")->name, "r");
  EXPECT_EQ(language_of_file("py"), nullptr);
  EXPECT_EQ(language_of_file("a."), nullptr);
  EXPECT_EQ(language_of_file(""), nullptr);
}

TEST(LaunchOf, PutsAFileIntoTheWorkspaceAndCodeBeside) {
  const Script file{
      .language = &language("bash"), .origin = Origin::kFile, .name = "x.sh", .text = "ls", .arguments = {"-a"}};
  const Launch launch = *launch_of(file);
  EXPECT_THAT(launch.argv, ElementsAre("bash", "/workspace/x.sh", "-a"));
  ASSERT_EQ(launch.files.size(), 1U);
  EXPECT_EQ(launch.files[0].text, "ls");
  EXPECT_THAT(launch_of({.language = &language("js"), .name = "", .text = "", .arguments = {}})->argv,
              ElementsAre("node", "/tmp/.brig/main.js"));
  EXPECT_THAT(launch_of({.language = &language("r"), .name = "", .text = "", .arguments = {}})->argv,
              ElementsAre("Rscript", "/tmp/.brig/main.R"));
}

TEST(LaunchOf, RefusesWhatRunsInCellsOnly) {
  const auto refused = launch_of({.language = &language("ts"), .name = "", .text = "1", .arguments = {}});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code(), Code::kUnsupported);
  EXPECT_THAT(refused.error().message(), HasSubstr("contexts only"));
}

TEST(LaunchOf, RunsPythonUnderTheDriver) {
  const Script script{
      .language = &language("python"), .origin = Origin::kFile, .name = "a.py", .text = "1", .arguments = {"x"}};
  const Launch launch = *launch_of(script);
  EXPECT_THAT(launch.argv, ElementsAre("python3", "/tmp/.brig/driver.py", "file", "/workspace/a.py", "x"));
  ASSERT_EQ(launch.files.size(), 3U);
  EXPECT_THAT(std::string(launch.files[0].text), HasSubstr("rich.py"));
  EXPECT_THAT(std::string(launch.files[1].text), HasSubstr("def display"));
  Script shown = script;
  shown.is_shown = true;
  EXPECT_EQ(launch_of(shown)->argv[2], "shown-file");
}

TEST(LaunchOf, RunsAFileWhereAMountShowsIt) {
  Script script{
      .language = &language("python"), .origin = Origin::kFile, .name = "a.py", .text = "1", .arguments = {"x"}};
  script.mounted = *GuestPath::parse("/data/project/a.py");
  const Launch launch = *launch_of(script);
  EXPECT_THAT(launch.argv, ElementsAre("python3", "/tmp/.brig/driver.py", "file", "/data/project/a.py", "x"));
  EXPECT_EQ(launch.files.size(), 2U);  // the driver's
}

TEST(LaunchOf, RefusesWhatIsNoSource) {
  Script script{.language = &language("python"), .name = "", .text = std::string(kSourceMax + 1, ' '), .arguments = {}};
  EXPECT_THAT(launch_of(script).error().message(), HasSubstr("16 MB"));
  script.text = "\xff\xfe";
  EXPECT_THAT(launch_of(script).error().message(), HasSubstr("UTF-8"));
  script.text = "";
  EXPECT_TRUE(launch_of(script).has_value());
  for (const char* name : {"", ".", "..", "a/b", "a\nb"}) {
    script.origin = Origin::kFile;
    script.name = name;
    EXPECT_FALSE(launch_of(script).has_value()) << name;
  }
}

}  // namespace
}  // namespace brig::service
