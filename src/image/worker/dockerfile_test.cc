#include "image/worker/dockerfile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/worker/dockerfile_text.h"
#include "image/worker/oci.h"
#include "image/worker/patterns.h"

namespace brig::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

DockerfileInput input(std::string_view text) {
  return {.text = text,
          .templates = {{"base", {.environment = {{"PATH", "/usr/bin"}}, .working_folder = "/srv"}},
                        {"python-3.11-slim", {}}}};
}

Result<BuildPlan> plan(std::string_view text) {
  auto made = read_dockerfile(input(text));
  if (!made) return made;
  const auto again = parse_plan(to_json(*made));  // everything that is made is what the host accepts
  EXPECT_TRUE(again.has_value()) << again.error().message();
  if (again) {
    EXPECT_EQ(*again, *made);
  }
  return made;
}

PlanStep first_step(std::string_view text) {
  const auto made = plan(text);
  EXPECT_TRUE(made.has_value()) << made.error().message();
  return made && !made->stages.back().steps.empty() ? made->stages.back().steps.front() : PlanStep();
}

std::string trouble(std::string_view text) {
  const auto made = plan(text);
  return made ? "none" : made.error().message();
}

Words env_of(const PlanStep& step) {
  Words all;
  for (const policy::Variable& variable : step.environment) all.push_back(variable.name + "=" + variable.value);
  return all;
}

TEST(Dockerfile, RunsInBothForms) {
  EXPECT_THAT(first_step("FROM base\nRUN echo $HOME && ls").argv, ElementsAre("/bin/sh", "-c", "echo $HOME && ls"));
  EXPECT_THAT(first_step("FROM base\nRUN [\"ls\", \"-l\"]").argv, ElementsAre("ls", "-l"));
  EXPECT_THAT(first_step("FROM base\nSHELL [\"/bin/bash\", \"-ec\"]\nRUN x").argv,
              ElementsAre("/bin/bash", "-ec", "x"));
  EXPECT_THAT(first_step("FROM base\nRUN [ -f x ]").argv, ElementsAre("/bin/sh", "-c", "[ -f x ]"))
      << "no JSON: a shell's";
  EXPECT_EQ(first_step("FROM base\nRUN x").folder, "/srv");
}

TEST(Dockerfile, IsForThisMachine) {
  const std::string own = "linux/" + std::string(own_architecture());
  for (const std::string& good : {own, own + "/v2", std::string("$BUILDPLATFORM"), std::string("linux")})
    EXPECT_EQ(trouble("FROM --platform=" + good + " base"), "none") << good;
  EXPECT_THAT(trouble("FROM --platform=linux/s390x base"),
              HasSubstr("line 1: FROM --platform=linux/s390x: this machine is " + own));
  EXPECT_THAT(trouble("ARG P=linux/s390x\nFROM --platform=$P base"), HasSubstr("this machine is"));
}

TEST(Dockerfile, JoinsLinesAndLeavesCommentsOut) {
  const PlanStep step =
      first_step("# a comment\n\nFROM base\n\nRUN apt-get update && \\\n  # why\n\n  apt-get install \\\n  x\n# end\n");
  EXPECT_EQ(step.argv.back(), "apt-get update &&   apt-get install   x");
  EXPECT_EQ(step.line, 5U);
  EXPECT_THAT(first_step("# escape=`\nFROM base\nRUN a `\n b\\c").argv.back(), "a  b\\c");
  EXPECT_EQ(first_step("FROM base\r\nRUN x\r\n").argv.back(), "x");
}

TEST(Dockerfile, PutsVariablesIn) {
  const auto env = [](const std::string& lines) { return env_of(first_step("FROM base\n" + lines + "\nRUN x")); };
  EXPECT_THAT(env("ENV A=1 B=\"two words\" C=x\\ y"), ElementsAre("PATH=/usr/bin", "A=1", "B=two words", "C=x y"));
  EXPECT_THAT(env("ENV A the rest of it"), ElementsAre("PATH=/usr/bin", "A=the rest of it"));
  EXPECT_THAT(env("ENV PATH=/opt:$PATH"), ElementsAre("PATH=/opt:/usr/bin"));
  EXPECT_THAT(env("ENV A=1\nENV A=2 B=$A"), ElementsAre("PATH=/usr/bin", "A=2", "B=1")) << "as it was before the line";
  EXPECT_THAT(env("ENV A=${NO:-def} B=${PATH:+set} C=${NO:+set} D='$PATH' E=\\$PATH F=${NO-}x"),
              ElementsAre("PATH=/usr/bin", "A=def", "B=set", "C=", "D=$PATH", "E=$PATH", "F=x"));
  EXPECT_THAT(env("ARG X=1\nENV Y=$X"), ElementsAre("X=1", "PATH=/usr/bin", "Y=1"));
  EXPECT_THAT(env("ARG PATH=mine"), ElementsAre("PATH=/usr/bin")) << "ENV wins";
}

TEST(Dockerfile, ArgumentsComeFromOutsideToo) {
  DockerfileInput with = input("ARG WHICH=base\nARG V=1\nFROM $WHICH\nARG V\nARG W\nRUN x");
  with.arguments = {{"W", "given"}};
  const auto made = read_dockerfile(with);
  ASSERT_TRUE(made.has_value()) << made.error().message();
  EXPECT_EQ(made->stages[0].base, "base");
  EXPECT_THAT(env_of(made->stages[0].steps[0]), ElementsAre("V=1", "W=given", "PATH=/usr/bin"));
}

TEST(Dockerfile, CopiesWithAllItsFlags) {
  PlanStep step = first_step("FROM base\nCOPY a b/ c.txt dest");
  EXPECT_THAT(step.sources, ElementsAre("a", "b/", "c.txt"));
  EXPECT_EQ(step.destination, "/srv/dest/");
  EXPECT_FALSE(step.unpacks);
  step = first_step("FROM base\nCOPY --chmod=750 --chown=1:1 --link [\"a file\", \"/x/../y\"]");
  EXPECT_THAT(step.sources, ElementsAre("a file"));
  EXPECT_EQ(step.destination, "/y");
  EXPECT_EQ(step.mode, 0750U);
  step = first_step("FROM base\nADD a.tar.gz ./");
  EXPECT_TRUE(step.unpacks);
  EXPECT_EQ(step.destination, "/srv/");
  const auto made = plan(
      "FROM base AS one\nRUN x\nFROM scratch\nCOPY --from=one /a /b\nCOPY --from=0 /a /b\nCOPY --from=python:3.11-slim "
      "/a /b");
  ASSERT_TRUE(made.has_value()) << made.error().message();
  EXPECT_EQ(made->stages[1].steps[0].from_stage, 0);
  EXPECT_EQ(made->stages[1].steps[1].from_stage, 0);
  EXPECT_EQ(made->stages[1].steps[2].from_template, "python-3.11-slim");
}

TEST(Dockerfile, TakesHeredocs) {
  EXPECT_EQ(first_step("FROM base\nRUN <<EOF\necho one\necho $two\nEOF\nRUN y").argv.back(), "echo one\necho $two\n");
  EXPECT_EQ(first_step("FROM base\nRUN python3 <<EOF\nprint(1)\nEOF").argv.back(), "python3 <<EOF\nprint(1)\nEOF\n");
  const PlanStep step = first_step("FROM base\nENV A=1\nCOPY <<one <<-\"two\" /etc/\nx=$A\none\n\tx=$A\n\ttwo\n");
  EXPECT_THAT(step.texts, ElementsAre(InlineFile{"one", "x=1\n"}, InlineFile{"two", "x=$A\n"}));
  EXPECT_TRUE(step.sources.empty());
  EXPECT_EQ(first_step("FROM base\nRUN echo \"<<EOF\"").argv.back(), "echo \"<<EOF\"");
  EXPECT_THAT(trouble("FROM base\nRUN <<EOF\nx"), HasSubstr("the end of <<EOF is missing"));
}

TEST(Dockerfile, KnowsItsEnd) {
  const auto made = plan(
      "FROM base\nWORKDIR app\nWORKDIR sub\nENV A=1\nENTRYPOINT [\"python3\"]\nCMD run it\nEXPOSE 80\nLABEL a=b\nUSER "
      "app\nVOLUME /data\nSTOPSIGNAL 9");
  ASSERT_TRUE(made.has_value()) << made.error().message();
  const PlanStage& stage = made->stages[0];
  EXPECT_EQ(stage.defaults.working_folder, "/srv/app/sub");
  EXPECT_THAT(stage.defaults.entrypoint, ElementsAre("python3"));
  EXPECT_THAT(stage.defaults.command, ElementsAre("/bin/sh", "-c", "run it"));
  ASSERT_EQ(stage.steps.size(), 2U);
  EXPECT_EQ(stage.steps[1].kind, StepKind::kFolder);
  EXPECT_EQ(stage.steps[1].folder, "/srv/app/sub");
  EXPECT_THAT(made->notes, ElementsAre(HasSubstr("USER app"), HasSubstr("VOLUME")));
}

TEST(Dockerfile, ALabelSaysWhatIsPreloaded) {
  const auto of = [](const std::string& text) {
    const auto made = plan(text);
    EXPECT_TRUE(made.has_value()) << made.error().message();
    return made ? made->stages.back().defaults.preload : std::nullopt;
  };
  using Modules = std::vector<std::string>;
  EXPECT_EQ(of("FROM base\nLABEL a=b"), std::nullopt);
  EXPECT_EQ(of("FROM base\nLABEL a=\"unfinished"), std::nullopt) << "not ours, not read";
  EXPECT_EQ(of("FROM base\nLABEL a=b brig.preload=\"numpy, scipy.stats\""), (Modules{"numpy", "scipy.stats"}));
  EXPECT_EQ(of("FROM base\nENV A=json\nLABEL brig.preload=$A"), Modules{"json"});
  EXPECT_EQ(of("FROM base AS one\nLABEL brig.preload=json\nFROM one"), Modules{"json"}) << "as its stage";
  EXPECT_EQ(of("FROM base\nLABEL brig.preload=json\nLABEL brig.preload="), Modules());
  EXPECT_THAT(trouble("FROM base\nLABEL brig.preload=-c"), HasSubstr("line 2: LABEL: preload: \"-c\""));
  EXPECT_THAT(trouble("FROM base\nLABEL brig.preloads=json"), HasSubstr("did you mean \"brig.preload\""));
  EXPECT_THAT(trouble("FROM base\nLABEL brig.preload json"), HasSubstr("takes a value"));
}

TEST(Dockerfile, StagesBuildOnEachOther) {
  const auto made = plan("FROM base AS one\nENV A=1\nFROM one AS two\nRUN x\nFROM scratch");
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->stages[1].base_stage, 0);
  EXPECT_THAT(env_of(made->stages[1].steps[0]), ElementsAre("PATH=/usr/bin", "A=1"));
  DockerfileInput with = input("FROM base AS one\nFROM scratch AS two\nFROM base");
  with.target = "two";
  EXPECT_EQ(read_dockerfile(with)->stages.size(), 2U);
  with.target = "three";
  EXPECT_FALSE(read_dockerfile(with).has_value());
}

TEST(Dockerfile, SaysWhatIsWrongAndWhere) {
  for (const auto& [text, says] : std::vector<std::pair<std::string, std::string>>{
           {"", "there is no FROM"},
           {"RUN x", "1: the first instruction is FROM"},
           {"FROM debian:12", "docker save debian:12 -o image.tar; brig template import image.tar --name debian-12"},
           {"FROM debian@sha256:00", "there is no template"},
           {"FROM host", "this machine's own /usr and no image to build upon"},
           {"FROM base\nRUM x", "2: there is no instruction \"RUM\" (did you mean \"RUN\"?)"},
           {"FROM base\n\n# c\nCOPY a", "4: COPY takes what is copied and where to"},
           {"FROM base\nENV A", "ENV takes NAME=VALUE"},
           {"FROM base\nENV A=\"x", "is not closed"},
           {"FROM base\nENV A=${B", "is not closed"},
           {"FROM base\nENV A=${B?}", "is not understood"},
           {"FROM base\nENV A=${B:-${C:-$D$E}}", "only one variable"},
           {"FROM base\nENV 1A=x", "cannot name a variable"},
           {"FROM base\nADD https://x/y /z", "no network"},
           {"FROM base\nCOPY --from=later a b", "neither a stage nor a template"},
           {"FROM base AS me\nCOPY --from=me a b", "no earlier stage"},
           {"FROM base\nCOPY --from=7 a b", "no earlier stage"},
           {"FROM base\nRUN --mount=type=secret,id=x y", "--mount is not supported"},
           {"FROM base\nRUN --security=insecure y", "not supported"},
           {"FROM base\nONBUILD RUN x", "ONBUILD is not supported"},
           {"FROM base\nSHELL bash", "JSON array"},
           {"FROM base\nRUN", "needs an argument"},
           {"FROM base AS 2X", "cannot name a stage"},
           {"FROM base AS a\nFROM base AS a", "cannot name a stage"},
           {std::string("FROM base\nRUN \xff"), "not UTF-8"},
           {std::string("FROM base\nRUN a\0b", 17), "NUL"},
       })
    EXPECT_THAT(trouble(text), HasSubstr(says)) << text;
}

TEST(Dockerfile, IsBounded) {
  EXPECT_THAT(trouble(std::string(2'000'000, '#')), HasSubstr("larger than 1 MB"));
  std::string many = "FROM base\n";
  for (int i = 0; i < 61; ++i) many += "RUN x\n";
  EXPECT_THAT(trouble(many), HasSubstr("more than 60 steps"));
  std::string lines;
  for (int i = 0; i < 2001; ++i) lines += "ARG X=1\n";
  EXPECT_THAT(trouble(lines), HasSubstr("more than 2000 instructions"));
  std::string grows = "FROM base\nENV A=" + std::string(1000, 'x') + "\n";
  for (int i = 0; i < 30; ++i) grows += "ENV A=$A$A$A$A\n";
  EXPECT_THAT(trouble(grows), HasSubstr("too long once its variables are put in"));
  std::string deep = "x";
  for (int i = 0; i < 50; ++i) deep = "${A:-" + deep + "}";
  EXPECT_THAT(trouble("FROM base\nENV B=" + deep), HasSubstr("too deep"));
}

TEST(Dockerfile, ReferencesMeanTemplates) {
  EXPECT_EQ(template_of_reference("python:3.11-slim"), "python-3.11-slim");
  EXPECT_EQ(template_of_reference("docker.io/library/debian:latest"), "debian");
  EXPECT_EQ(template_of_reference("base"), "base");
  EXPECT_EQ(template_of_reference("x@sha256:0"), "");
  EXPECT_EQ(template_of_reference("UPPER"), "");
}

TEST(Patterns, MatchAsGoDoes) {
  for (const auto& [pattern, path] : std::vector<std::pair<const char*, const char*>>{{"*.py", "a.py"},
                                                                                      {"a/*", "a/b"},
                                                                                      {"?", "x"},
                                                                                      {"[a-c]x", "bx"},
                                                                                      {"[^a-c]x", "dx"},
                                                                                      {"a\\*", "a*"},
                                                                                      {"**", "a/b"},
                                                                                      {"**/x", "x"},
                                                                                      {"**/x", "a/b/x"},
                                                                                      {"a/**/x", "a/x"},
                                                                                      {"a/**", "a/b/c"},
                                                                                      {"a*b*c", "aXbYbZc"}})
    EXPECT_TRUE(matches(pattern, path).value()) << pattern << " " << path;
  for (const auto& [pattern, path] : std::vector<std::pair<const char*, const char*>>{{"*.py", "a/b.py"},
                                                                                      {"*", "a/b"},
                                                                                      {"?", ""},
                                                                                      {"[a-c]x", "dx"},
                                                                                      {"[a", "a"},
                                                                                      {"a\\*", "ab"},
                                                                                      {"**/x", "a/xy"},
                                                                                      {"a*b", "ac"}})
    EXPECT_FALSE(matches(pattern, path).value()) << pattern << " " << path;
  std::string hard;
  for (int i = 0; i < 200; ++i) hard += "**/";
  std::string path;
  for (int i = 0; i < 200; ++i) path += "a/";
  EXPECT_THAT(matches(hard + "b", path + "a").error().message(), HasSubstr("takes too long")) << "and it ends";
  EXPECT_FALSE(matches(std::string(2000, '*') + "b", std::string(200, 'a')).value());
}

TEST(Patterns, TheLastLineOfAnIgnoreListDecides) {
  const IgnoreList all = *IgnoreList::parse("# no\n\n.git\n*.pyc\n/node_modules\n!keep.pyc\n**/secret\n../x\n");
  const auto ignores = [&](std::string_view path) { return all.ignores(path).value(); };
  EXPECT_TRUE(ignores(".git"));
  EXPECT_TRUE(ignores(".git/config")) << "with what is in it";
  EXPECT_TRUE(ignores("a.pyc"));
  EXPECT_FALSE(ignores("keep.pyc"));
  EXPECT_TRUE(ignores("node_modules/x/y"));
  EXPECT_TRUE(ignores("a/b/secret"));
  EXPECT_FALSE(ignores("x") || ignores("a/a.pyc") || ignores("src/.git"));
}

TEST(Patterns, AnIgnoreListThatIsTooMuchIsAnError) {
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += "x" + std::to_string(i) + "\n";
  EXPECT_TRUE(IgnoreList::parse(lines + "# a comment\n\n").has_value());
  const auto longer = IgnoreList::parse(lines + "secret\n");
  ASSERT_FALSE(longer.has_value()) << "the secret would come along";
  EXPECT_THAT(longer.error().message(), HasSubstr("more than 1000 patterns"));
  std::string hard;
  std::string path;
  for (int i = 0; i < 20; ++i) hard += "**/a/";
  for (int i = 0; i < 40; ++i) path += "a/";
  const auto ignored = IgnoreList::parse(hard + "b\n")->ignores(path + "c");
  ASSERT_FALSE(ignored.has_value());
  EXPECT_THAT(ignored.error().message(), HasSubstr("use fewer"));
}

}  // namespace
}  // namespace brig::image
