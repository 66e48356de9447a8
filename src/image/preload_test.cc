#include "image/preload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace brig::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Preload, NamesOfModules) {
  for (const char* good : {"numpy", "matplotlib.pyplot", "_x", "a1.b_2.C", "x"})
    EXPECT_TRUE(is_module_name(good)) << good;
  for (const char* bad :
       {"", ".", "a.", ".a", "a..b", "1a", "a.1", "-c", "a-b", "a b", "a;b", "a/b", "ä", "a\n", "os,sys"})
    EXPECT_FALSE(is_module_name(bad)) << bad;
  EXPECT_TRUE(is_module_name(std::string(kModuleNameMost, 'a')));
  EXPECT_FALSE(is_module_name(std::string(kModuleNameMost + 1, 'a')));
  EXPECT_FALSE(is_module_name(std::string_view("a\0b", 3)));
}

TEST(Preload, AsALabelHasThem) {
  EXPECT_THAT(parse_preload(" numpy, pandas\tmatplotlib.pyplot ,").value(),
              ElementsAre("numpy", "pandas", "matplotlib.pyplot"));
  EXPECT_THAT(parse_preload("").value(), ElementsAre());
  EXPECT_THAT(parse_preload(" ,\n").value(), ElementsAre());
  EXPECT_THAT(parse_preload("numpy --help").error().message(), HasSubstr("\"--help\" is no Python module's name"));
}

TEST(Preload, AreBounded) {
  std::string text;
  for (std::size_t i = 0; i < kPreloadMost; ++i) text += "a ";
  EXPECT_EQ(parse_preload(text).value().size(), kPreloadMost);
  EXPECT_THAT(parse_preload(text + "b").error().message(), HasSubstr("at most 32"));
}

}  // namespace
}  // namespace brig::image
