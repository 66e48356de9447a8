#include "service/cell_splitter.h"

#include <gmock/gmock.h>

namespace brig::service {
namespace {

using ::testing::ElementsAre;

const Language& language(std::string_view name) { return **find_language(name); }

std::vector<std::string> cells_of(std::string_view name, bool is_typed, std::string_view text) {
  CellSplitter lines(language(name), is_typed);
  std::vector<std::string> cells;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    for (std::string& cell : lines.take(text.substr(0, end))) cells.push_back(std::move(cell));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (auto rest = lines.finish()) cells.push_back("rest: " + *rest);
  return cells;
}

TEST(CellSplitter, PythonAtAPrompt) {
  EXPECT_THAT(cells_of("python", true, "x = 1\n\nx\n"), ElementsAre("x = 1\n", "x\n"));
  EXPECT_THAT(cells_of("python", true, "for i in y:\n  print(i)\n\nx\n"),
              ElementsAre("for i in y:\n  print(i)\n", "x\n"));
  EXPECT_THAT(cells_of("python", true, "f(1,\n\n  2)\n"), ElementsAre("f(1,\n\n  2)\n"));
  EXPECT_THAT(cells_of("python", true, "s = '''a:\n\nb'''\n"), ElementsAre("s = '''a:\n\nb'''\n"));
  EXPECT_THAT(cells_of("python", true, "x = 1 + \\\n2\n"), ElementsAre("x = 1 + \\\n2\n"));
  EXPECT_THAT(cells_of("python", true, "d = {'a': 1}  # and:\nd\n"), ElementsAre("d = {'a': 1}  # and:\n", "d\n"));
  EXPECT_THAT(cells_of("python", true, "@once\ndef f():\n  pass\n\n"), ElementsAre("@once\ndef f():\n  pass\n"));
  EXPECT_THAT(cells_of("python", true, "x = 'open\n"), ElementsAre("x = 'open\n")) << "the kernel says what is wrong";
  EXPECT_THAT(cells_of("python", true, "def f():\n"), ElementsAre("rest: def f():\n"));
}

TEST(CellSplitter, PythonFromAPipe) {
  EXPECT_THAT(cells_of("python", false, "def f():\n  a = 1\n\n  return a\nf()\n"),
              ElementsAre("def f():\n  a = 1\n\n  return a\n", "f()\n"));
  EXPECT_THAT(cells_of("python", false, "if x:\n  a()\nelse:\n  b()\nc()\n"),
              ElementsAre("if x:\n  a()\nelse:\n  b()\n", "c()\n"));
  EXPECT_THAT(cells_of("python", false, "@once\ndef f():\n  pass\nf()\n"),
              ElementsAre("@once\ndef f():\n  pass\n", "f()\n"));
  EXPECT_THAT(cells_of("python", false, "%%bash\nls\npwd\n"), ElementsAre("rest: %%bash\nls\npwd\n"));
}

TEST(CellSplitter, JavaScript) {
  EXPECT_THAT(cells_of("javascript", true, "const x = {\n a: 1\n}\nx\n"),
              ElementsAre("const x = {\n a: 1\n}\n", "x\n"));
  EXPECT_THAT(cells_of("javascript", true, "`a {\n`\n"), ElementsAre("`a {\n`\n"));
  EXPECT_THAT(cells_of("javascript", true, "/* {\n*/ 1 // {\n"), ElementsAre("/* {\n*/ 1 // {\n"));
  EXPECT_THAT(cells_of("javascript", false, "if (x) {\n}\nelse {\n}\ny\n"),
              ElementsAre("if (x) {\n}\nelse {\n}\n", "y\n"));
}

TEST(CellSplitter, Bash) {
  EXPECT_THAT(cells_of("bash", true, "x=1\necho $x\n"), ElementsAre("x=1\n", "echo $x\n"));
  EXPECT_THAT(cells_of("bash", true, "for i in 1 2\ndo echo $i\ndone\necho if\n"),
              ElementsAre("for i in 1 2\ndo echo $i\ndone\n", "echo if\n"));
  EXPECT_THAT(cells_of("bash", true, "f() {\n  ls\n}\n"), ElementsAre("f() {\n  ls\n}\n"));
  EXPECT_THAT(cells_of("bash", true, "echo 'a\n\nb'\n"), ElementsAre("echo 'a\n\nb'\n"));
  EXPECT_THAT(cells_of("bash", true, "cat <<EOF\nif {\nEOF\nls\n"), ElementsAre("cat <<EOF\nif {\nEOF\n", "ls\n"));
  EXPECT_THAT(cells_of("bash", true, "ls |\nwc\n"), ElementsAre("ls |\nwc\n"));
  EXPECT_THAT(cells_of("bash", true, "true &&\nls\nsleep 1 &\nls\n"),
              ElementsAre("true &&\nls\n", "sleep 1 &\n", "ls\n"));
  EXPECT_THAT(cells_of("bash", true, "if true; then ls; fi\nls\n"), ElementsAre("if true; then ls; fi\n", "ls\n"));
}

TEST(CellSplitter, WhatWasBegunCanBeDropped) {
  CellSplitter lines(language("python"), true);
  EXPECT_TRUE(lines.take("f(").empty());
  EXPECT_TRUE(lines.is_open());
  lines.drop();
  EXPECT_FALSE(lines.is_open());
  EXPECT_THAT(lines.take("1"), ElementsAre("1\n"));
}

}  // namespace
}  // namespace brig::service
