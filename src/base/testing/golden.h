#pragma once
/// Golden files: text kept in the tree for review. BRIG_ACCEPT=1 rewrites them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace brig {

/// Compares `text` with the file at `path` (relative to the source tree).
inline void expect_golden(const std::string& path, const std::string& text) {
  const std::string file = std::string(BRIG_SOURCE_DIR) + "/" + path;
  if (std::getenv("BRIG_ACCEPT") != nullptr) {
    std::ofstream(file, std::ios::binary) << text;
  }
  std::ifstream in(file, std::ios::binary);
  ASSERT_TRUE(in.is_open()) << path << " is missing: run the test with BRIG_ACCEPT=1 and review what it writes";
  std::ostringstream kept;
  kept << in.rdbuf();
  EXPECT_EQ(kept.str(), text) << path
                              << " differs: if that is meant, run the test with BRIG_ACCEPT=1 and review the change";
}

}  // namespace brig
