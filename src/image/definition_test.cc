#include "image/definition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sys/file.h"

namespace brig::image {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

TEST(Definition, OfWhatWeShipIsSound) {
  for (const char* name : {"base", "code-interpreter"}) {
    const std::string path = std::string(BRIG_SOURCE_DIR) + "/templates/" + name + ".toml";
    const auto read = parse_definition(sys::read_file(path, 100'000).value(), path);
    ASSERT_TRUE(read.has_value()) << read.error().message();
    EXPECT_THAT(read->packages, Contains("python3"));
    EXPECT_NE(read->description, "");
  }
}

TEST(Definition, SaysWhereAMistakeIs) {
  struct Row {
    const char* text;
    const char* says;
  };
  const std::string good = "[debian]\npackages = [\"python3\"]\n";
  for (const Row& row : {Row{"", "no packages"},
                         Row{"[debian]\npackages = [\"python3\", \"a b\"]", "x.toml:2:24: packages: \"a b\" is not"},
                         Row{"[debian]\npackages = [\"python3;reboot\"]", "is not what is expected"},
                         Row{"[debian]\npackages = [\"-oDir::Bin=x\"]", "is not what is expected"},
                         Row{"[debian]\npackages = \"python3\"", "expected an array"},
                         Row{"[debian]\npurge = [\"*\"]", "is not what is expected"},
                         Row{"[debian]\npurge = [\"$(reboot)\"]", "is not what is expected"},
                         Row{"[debian]\nexclude = [\"/usr/../etc\"]", "is not what is expected"},
                         Row{"[debian]\nexclude = [\"usr\"]", "is not what is expected"},
                         Row{"[debian]\nremove = [\"/usr/'; reboot; '\"]", "is not what is expected"},
                         Row{"[debian]\npackage = []", "did you mean \"packages\""},
                         Row{"[limits]\nmemory = \"lots\"", "x.toml:2:1: limits.memory"},
                         Row{"[limits]\nmemry = \"1G\"", "there is no limit"},
                         Row{"[environment]\n\"A B\" = \"x\"", "cannot name a variable"},
                         Row{"preload = [\"numpy\", \"os;x\"]", "x.toml:1:21: preload: \"os;x\" is not"},
                         Row{"preload = \"numpy\"", "preload: expected an array"},
                         Row{"debian = 1", "expected a table"}, Row{"[debian", "x.toml:1:"}}) {
    const auto read = parse_definition(row.text, "x.toml");
    ASSERT_FALSE(read.has_value()) << row.text;
    EXPECT_THAT(read.error().message(), HasSubstr(row.says));
  }
  const auto plain = parse_definition(good, "x.toml");
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ(plain->defaults.preload, std::nullopt);
  using Modules = std::vector<std::string>;
  EXPECT_EQ(parse_definition("preload = [\"numpy\", \"scipy.stats\"]\n" + good, "x.toml")->defaults.preload,
            (Modules{"numpy", "scipy.stats"}));
  EXPECT_EQ(parse_definition("preload = []\n" + good, "x.toml")->defaults.preload, Modules());
  const auto longer = parse_definition("description = \"" + std::string(401, 'x') + "\"\n" + good, "x.toml");
  ASSERT_FALSE(longer.has_value()) << "no manifest would take it, after all that was installed";
  EXPECT_THAT(longer.error().message(), HasSubstr("x.toml:1:15: description: more than 400 bytes"));
}

}  // namespace
}  // namespace brig::image
