#include "json/reader.h"

#include <gtest/gtest.h>

#include <array>

#include <boost/json/value.hpp>

namespace brig::json {
namespace {

template <class T>
std::string error_of(const Result<T>& result) {
  return result.has_value() ? "no error" : result.error().message();
}

class ReaderTest : public testing::Test {
 protected:
  Value value_ =
      *parse(R"({"limits":{"memory":"lots","pids":64,"cpus":1.5,"big":18446744073709551615},"list":[1,{"x y":null}]})");
  Reader root_{value_};
};

TEST_F(ReaderTest, ReadsTypedValues) {
  const Reader limits = *root_.at("limits");
  EXPECT_EQ(*limits.at("memory")->text(), "lots");
  EXPECT_EQ(*limits.at("pids")->integer(1, 100), 64);
  EXPECT_EQ(*limits.at("pids")->number(), 64.0);
  EXPECT_EQ(*limits.at("cpus")->number(), 1.5);
  EXPECT_FALSE(root_.find("absent")->has_value());
  EXPECT_EQ(limits.entries()->size(), 4U);
}

TEST_F(ReaderTest, ErrorsNameThePath) {
  const Reader limits = *root_.at("limits");
  EXPECT_EQ(error_of(limits.at("memory")->number()), "$.limits.memory: expected a number, found a string");
  EXPECT_EQ(error_of(limits.at("pids")->text()), "$.limits.pids: expected a string, found a number");
  EXPECT_EQ(error_of(limits.at("pids")->boolean()), "$.limits.pids: expected true or false, found a number");
  EXPECT_EQ(error_of(limits.at("cpus")->integer()), "$.limits.cpus: expected a whole number");
  EXPECT_EQ(error_of(limits.at("pids")->integer(1, 10)), "$.limits.pids: expected a whole number from 1 to 10");
  EXPECT_EQ(error_of(limits.at("big")->integer(0, 10)), "$.limits.big: expected a whole number from 0 to 10");
  EXPECT_EQ(error_of(limits.at("disk")), "$.limits: the key \"disk\" is missing");
  EXPECT_EQ(error_of(limits.items()), "$.limits: expected an array, found an object");
  EXPECT_EQ(error_of(root_.at("list")->at("a")), "$.list: expected an object, found an array");
  EXPECT_EQ(error_of(root_.at("list")->items()->at(1).at("x y")->text()),
            "$.list[1][\"x y\"]: expected a string, found null");
}

TEST_F(ReaderTest, UnknownKeysAreErrorsWithASuggestion) {
  constexpr std::array<std::string_view, 4> kKnown{"memory_bytes", "pids", "cpus", "big"};
  EXPECT_EQ(error_of(root_.at("limits")->only(kKnown)), "$.limits: unknown key \"memory\"");
  constexpr std::array<std::string_view, 4> kNear{"memori", "pids", "cpus", "big"};
  EXPECT_EQ(error_of(root_.at("limits")->only(kNear)), "$.limits: unknown key \"memory\" (did you mean \"memori\"?)");
  constexpr std::array<std::string_view, 2> kAll{"limits", "list"};
  EXPECT_EQ(error_of(root_.only(kAll)), "no error");
}

}  // namespace
}  // namespace brig::json
