#include "policy/explain.h"

#include <gtest/gtest.h>

#include <boost/json/value.hpp>

#include "base/testing/golden.h"
#include "json/json.h"
#include "policy/preset.h"

namespace brig::policy {
namespace {

TEST(Explain, PresetsAreGolden) {
  for (std::string_view name : kPresetNames) {
    expect_golden("tests/golden/policy/" + std::string(name) + ".txt", explain(preset(*find_preset(name))));
  }
}

Policy busy() {
  Policy policy;
  policy.limits.memory = mebibytes(512);
  policy.limits.cpu_millis = 1500;
  policy.mounts = {{*HostPath::parse("/srv/data"), *GuestPath::parse("/data"), Access::kReadOnly},
                   {*HostPath::parse("/srv/out"), *GuestPath::parse("/out"), Access::kReadWrite}};
  policy.environment = {{"MODE", "a\nb"}};
  return policy;
}

TEST(Explain, MountsVariablesAndChangesAreGolden) {
  expect_golden("tests/golden/policy/busy.txt", explain(busy()));
  expect_golden("tests/golden/policy/busy.json", explain_json(busy()) + "\n");
}

TEST(Explain, TheDefaultPolicyChangesNothing) {
  EXPECT_EQ(explain(Policy{}).find("(default"), std::string::npos);
  const auto value = json::parse(explain_json(Policy{}));
  ASSERT_TRUE(value.has_value());
  EXPECT_TRUE(value->at("changed").as_array().empty());
}

TEST(Explain, NothingInAPolicyDrivesATerminal) {
  Policy policy;
  policy.environment = {{"X", "\x1b[2J\nlimits.memory 1T"}};
  const std::string text = explain(policy);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find("\nlimits.memory 1T"), std::string::npos);
}

}  // namespace
}  // namespace brig::policy
