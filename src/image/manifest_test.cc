#include "image/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace brig::image {
namespace {

using ::testing::HasSubstr;

Manifest sample() {
  return {.name = "data-science",
          .description = "numbers and plots",
          .digest = "sha256:" + std::string(64, 'a'),
          .format = Format::kSquashfs,
          .size = Bytes{4096},
          .unpacked = Bytes{100},
          .files = 3,
          .created_s = 1'700'000'000,
          .provenance = {.kind = "oci",
                         .source = "image.tar",
                         .source_digest = "sha256:" + std::string(64, 'b'),
                         .packages = {"python3=3.11"}},
          .defaults = {.environment = {{"A", "b \" c"}},
                       .working_folder = "/srv",
                       .limits = {{"memory", "512M"}},
                       .languages = {{"python", "/usr/bin/python3"}},
                       .preload = std::vector<std::string>{"numpy", "scipy.stats"},
                       .entrypoint = {"python3"},
                       .command = {"-c", "1"}},
          .notes = {"2 device files were left out"}};
}

TEST(Manifest, ReadsBackWhatItWrites) {
  const auto read = parse_manifest(to_json(sample()));
  ASSERT_TRUE(read.has_value()) << read.error().message();
  EXPECT_EQ(*read, sample());
}

TEST(Manifest, ADescriptionMayBeMissing) {
  std::string text = to_json(sample());
  const std::string description = "\"description\":\"numbers and plots\",";
  ASSERT_NE(text.find(description), std::string::npos);
  text.erase(text.find(description), description.size());
  const auto read = parse_manifest(text);
  ASSERT_TRUE(read.has_value()) << read.error().message();
  EXPECT_EQ(read->description, "");
}

TEST(Manifest, SaysOfModulesOnlyWhatItsMakerSaid) {
  for (const auto& said : {std::optional<std::vector<std::string>>(), std::optional(std::vector<std::string>())}) {
    Manifest manifest = sample();
    manifest.defaults.preload = said;
    const auto read = parse_manifest(to_json(manifest));
    ASSERT_TRUE(read.has_value()) << read.error().message();
    EXPECT_EQ(read->defaults.preload, said);
  }
}

TEST(Manifest, OfADraftHasNoName) {
  const auto draft = parse_draft(to_draft(sample()));
  ASSERT_TRUE(draft.has_value()) << draft.error().message();
  EXPECT_EQ(draft->defaults, sample().defaults);
  EXPECT_EQ(draft->provenance, sample().provenance);
  EXPECT_EQ(draft->name, "");
  EXPECT_FALSE(parse_draft(to_json(sample())).has_value()) << "a name is the host's to give";
}

TEST(Manifest, IsStrict) {
  struct Row {
    const char* from;
    const char* to;
    const char* says;
  };
  for (const Row& row :
       {Row{"\"name\":\"data-science\"", "\"name\":\"../x\"", "$.name"},
        Row{"\"version\":1", "\"version\":2", "$.version"}, Row{"sha256:aaaa", "sha256:AAAA", "$.digest"},
        Row{"\"squashfs\"", "\"ext4\"", "$.format"}, Row{"\"size\":4096", "\"size\":-1", "$.size"},
        Row{"\"kind\":\"oci\"", "\"kind\":\"magic\"", "$.provenance.kind"},
        Row{"\"512M\"", "\"lots\"", "limits.memory"}, Row{"\"memory\"", "\"memry\"", "there is no limit"},
        Row{"\"/srv\"", "\"srv\"", "working_folder"}, Row{"\"/srv\"", "\"/srv/../etc\"", "working_folder"},
        Row{"\"/usr/bin/python3\"", "\"python3\"", "languages.python"},
        Row{"\"scipy.stats\"", "\"scipy stats\"", "no Python module's name"},
        Row{"\"scipy.stats\"", "\"-c\"", "no Python module's name"}, Row{"[\"numpy\"", "[1", "$.defaults.preload"},
        Row{"\"A\":", "\"A=\":", "cannot name a variable"},
        Row{"\"files\":3", "\"files\":3,\"more\":1", "unknown key"}}) {
    std::string text = to_json(sample());
    const std::size_t at = text.find(row.from);
    ASSERT_NE(at, std::string::npos) << row.from;
    text.replace(at, std::string(row.from).size(), row.to);
    const auto read = parse_manifest(text);
    ASSERT_FALSE(read.has_value()) << row.to;
    EXPECT_THAT(read.error().message(), HasSubstr(row.says));
  }
}

TEST(Manifest, NamesOfTemplates) {
  for (const char* good :
       {"a", "base", "code-interpreter", "3.11_x", "a23456789012345678901234567890123456789012345678901234567890abc"})
    EXPECT_TRUE(is_template_name(good)) << good;
  for (const char* bad : {"", "host", ".x", "-x", "A", "a/b", "..", "a b", "a\n", "ä",
                          "a234567890123456789012345678901234567890123456789012345678901234"})
    EXPECT_FALSE(is_template_name(bad)) << bad;
}

TEST(Manifest, DefaultsLieUnderWhatAPolicySays) {
  policy::Policy own;
  own.environment = {{"A", "mine"}};
  const auto with = apply_defaults(
      own, {.environment = {{"A", "theirs"}, {"B", "b"}}, .limits = {{"memory", "1G"}, {"pids", "200"}}});
  ASSERT_TRUE(with.has_value());
  EXPECT_EQ(with->limits.memory, gibibytes(1));
  EXPECT_EQ(with->limits.pids, 200U);
  EXPECT_EQ(with->environment, (std::vector<policy::Variable>{{"B", "b"}, {"A", "mine"}}));
}

}  // namespace
}  // namespace brig::image
