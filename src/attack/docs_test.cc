/// docs/attack.md names every probe. BRIG_ACCEPT=1 writes its generated part anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "attack/report.h"

namespace brig::attack {
namespace {

constexpr std::string_view kBegin = "<!-- generated: the probes -->\n";
constexpr std::string_view kEnd = "<!-- end of the generated part -->\n";

TEST(Docs, ListEveryProbe) {
  const std::string path = BRIG_SOURCE_DIR "/docs/attack.md";
  std::stringstream buffer;
  buffer << std::ifstream(path).rdbuf();
  const std::string text = buffer.str();
  const std::size_t begin = text.find(kBegin);
  const std::size_t end = text.find(kEnd);
  ASSERT_NE(begin, std::string::npos) << path << " lacks its mark";
  ASSERT_NE(end, std::string::npos) << path << " lacks its mark";
  const std::size_t from = begin + kBegin.size();
  if (const char* accept = std::getenv("BRIG_ACCEPT"); accept != nullptr && std::string_view(accept) == "1") {
    std::ofstream(path) << text.substr(0, from) << markdown_list() << "\n" << text.substr(end);
    GTEST_SKIP() << path << " was written anew";
  }
  EXPECT_EQ(text.substr(from, end - from), markdown_list() + "\n") << "run this test with BRIG_ACCEPT=1";
}

}  // namespace
}  // namespace brig::attack
