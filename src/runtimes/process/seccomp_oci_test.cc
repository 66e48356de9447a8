#include "runtimes/process/seccomp_oci.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <set>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "json/json.h"
#include "runtimes/process/compile.h"
#include "runtimes/process/seccomp_compile.h"
#include "runtimes/process/seccomp_profile.h"
#include "runtimes/process/testing/bpf_evaluator.h"
#include "sys/file.h"

namespace brig::runtimes::process {
namespace {

using Arguments = std::array<std::uint64_t, 6>;
using Context = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

/// Adds the entries as runc does (libcontainer/seccomp): of each name one rule with all conditions, in libseccomp's own
/// order.
void add_entries(const Context& filter, const boost::json::array& entries) {
  for (const auto& value : entries) {
    const auto& entry = value.as_object();
    const bool is_allowed = entry.at("action") == "SCMP_ACT_ALLOW";
    const std::uint32_t action =
        is_allowed ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(entry.at("errnoRet").to_number<std::uint32_t>());
    std::vector<scmp_arg_cmp> conditions;
    if (const auto* args = entry.if_contains("args")) {
      for (const auto& arg : args->as_array()) {
        EXPECT_EQ(arg.at("op"), "SCMP_CMP_MASKED_EQ");
        conditions.push_back({.arg = arg.at("index").to_number<unsigned>(),
                              .op = SCMP_CMP_MASKED_EQ,
                              .datum_a = arg.at("value").to_number<std::uint64_t>(),
                              .datum_b = arg.at("valueTwo").to_number<std::uint64_t>()});
      }
    }
    for (const auto& name : entry.at("names").as_array()) {
      const std::string text(name.as_string());
      const int number = seccomp_syscall_resolve_name(text.c_str());
      ASSERT_GE(number, 0) << text;
      EXPECT_EQ(seccomp_rule_add_array(filter.get(), action, number, static_cast<unsigned>(conditions.size()),
                                       conditions.data()),
                0)
          << text;
    }
  }
}

std::uint32_t number_of(std::string_view call) {
  return static_cast<std::uint32_t>(seccomp_syscall_resolve_name(std::string(call).c_str()));
}

/// This machine's profile, made into a filter by way of the specification's words.
class OciProfileTest : public testing::Test {
 protected:
  void SetUp() override {
    const bool is_x86 = seccomp_arch_native() == SCMP_ARCH_X86_64;
    audit_ = is_x86 ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_AARCH64;
    const auto architecture = is_x86 ? Architecture::kX86_64 : Architecture::kAarch64;
    const auto compiled = compile_profile(architecture);
    ASSERT_TRUE(compiled.has_value());
    inner_ = compiled->program;
    const auto made = oci_profile(architecture);
    ASSERT_TRUE(made.has_value()) << made.error().message();
    oci_ = *made;
    outer_ = program({});
  }

  std::string program(std::string_view more) {
    const auto profile = json::parse(oci_.seccomp);
    EXPECT_TRUE(profile.has_value()) << profile.error().message();
    const auto& object = profile->as_object();
    EXPECT_EQ(object.at("defaultAction"), "SCMP_ACT_ERRNO");
    const Context filter(seccomp_init(SCMP_ACT_ERRNO(object.at("defaultErrnoRet").to_number<std::uint32_t>())),
                         seccomp_release);
    add_entries(filter, object.at("syscalls").as_array());
    if (!more.empty()) add_entries(filter, json::parse(more)->as_array());
    const Fd file(::memfd_create("seccomp", MFD_CLOEXEC));
    EXPECT_EQ(seccomp_export_bpf(filter.get(), file.get()), 0);
    EXPECT_EQ(::lseek(file.get(), 0, SEEK_SET), 0);
    return sys::read_all(file.ref(), 4 << 20).value_or("");
  }

  std::uint32_t verdict(const std::string& filter, std::string_view call, Arguments arguments) const {
    return evaluate(filter, {number_of(call), audit_, arguments}).value_or(0);
  }

  /// What the tables test of a call's arguments, met, and missed by one bit; and nothing in particular.
  static std::vector<Arguments> interesting(std::uint32_t number) {
    std::vector<Arguments> list{{}, {~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL}, {1}, {1, 4}, {CLONE_NEWUSER}};
    const auto add = [&list](std::span<const ArgumentTest> tests) {
      Arguments met{};
      for (const ArgumentTest& test : tests) met[test.index] = test.value;
      list.push_back(met);
      for (const ArgumentTest& test : tests) {
        for (const unsigned bit : {0U, 1U, 3U, 7U, 40U}) {
          Arguments missed = met;
          missed[test.index] ^= 1ULL << bit;
          list.push_back(missed);
        }
      }
    };
    for (const auto rules : {allow_if_rules(), start_rules(), identity_rules()})
      for (const AllowIfRule& rule : rules)
        if (number_of(rule.call) == number) add(rule.tests);
    for (const RefuseIfRule& rule : refuse_if_rules())
      if (number_of(rule.call) == number) add(rule.tests);
    return list;
  }

  std::uint32_t audit_ = 0;
  OciProfile oci_;
  std::string inner_;  ///< what brig-init installs
  std::string outer_;  ///< what a runtime makes of the profile
};

std::set<std::uint32_t> numbers_of(std::span<const AllowIfRule> rules) {
  std::set<std::uint32_t> numbers;
  for (const AllowIfRule& rule : rules) numbers.insert(number_of(rule.call));
  return numbers;
}

TEST_F(OciProfileTest, JudgesAsTheCompiledFilterDoes) {
  const std::set<std::uint32_t> starting = numbers_of(start_rules());
  const std::set<std::uint32_t> of_identity = numbers_of(identity_rules());
  std::set<std::uint32_t> passing;
  for (const std::string& call : calls_with_long_lists()) passing.insert(number_of(call));
  for (std::uint32_t number = 0; number < 500; ++number) {
    if (starting.contains(number) || passing.contains(number)) continue;
    for (const Arguments& arguments : interesting(number)) {
      const auto inner = evaluate(inner_, {number, audit_, arguments});
      const auto outer = evaluate(outer_, {number, audit_, arguments});
      const bool is_same = of_identity.contains(number)
                               ? (inner == SECCOMP_RET_ALLOW) == (outer == SECCOMP_RET_ALLOW)  // another errno
                               : inner == outer;
      EXPECT_TRUE(is_same) << "call " << number << "(" << arguments[0] << ", " << arguments[1] << ", " << arguments[2]
                           << "): " << std::hex << inner.value_or(0) << " against " << outer.value_or(0);
    }
  }
}

TEST_F(OciProfileTest, LeavesLongListsOfArgumentsToTheSecondFilter) {
  EXPECT_EQ(calls_with_long_lists(), (std::set<std::string>{"ioctl", "prctl", "setsockopt"}));
  EXPECT_EQ(verdict(outer_, "ioctl", {0, TIOCSTI}), SECCOMP_RET_ALLOW);
  EXPECT_NE(verdict(inner_, "ioctl", {0, TIOCSTI}), SECCOMP_RET_ALLOW);
}

TEST_F(OciProfileTest, LetsBrigInitInstallTheFilterAndNoMore) {
  EXPECT_EQ(verdict(outer_, "seccomp", {SECCOMP_SET_MODE_FILTER, 0}), SECCOMP_RET_ALLOW);
  EXPECT_NE(verdict(outer_, "seccomp", {SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER}), SECCOMP_RET_ALLOW);
  EXPECT_NE(verdict(outer_, "seccomp", {SECCOMP_SET_MODE_STRICT}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(verdict(outer_, "prlimit64", {0, RLIMIT_CORE, 1}), SECCOMP_RET_ALLOW);
  EXPECT_NE(verdict(outer_, "prlimit64", {1, RLIMIT_CORE, 1}), SECCOMP_RET_ALLOW);
  for (const AllowIfRule& rule : start_rules())
    EXPECT_NE(verdict(inner_, rule.call, {SECCOMP_SET_MODE_FILTER, 1, 1}), SECCOMP_RET_ALLOW) << rule.call;
}

TEST_F(OciProfileTest, LetsTheIdentityChangeOnlyWithoutRoot) {
  const std::string rootless = program(oci_.identity);
  EXPECT_NE(verdict(outer_, "unshare", {CLONE_NEWUSER}), SECCOMP_RET_ALLOW);
  EXPECT_EQ(verdict(rootless, "unshare", {CLONE_NEWUSER}), SECCOMP_RET_ALLOW);
  EXPECT_NE(verdict(rootless, "unshare", {CLONE_NEWUSER | CLONE_NEWNS}), SECCOMP_RET_ALLOW);
}

TEST_F(OciProfileTest, IsTheOneThatShips) {
  EXPECT_EQ(oci_seccomp(), oci_.seccomp);
  EXPECT_EQ(oci_seccomp_identity(), oci_.identity);
}

TEST(OciProfileOfOthers, IsMadeForEachArchitecture) {
  const auto arm = oci_profile(Architecture::kAarch64);
  ASSERT_TRUE(arm.has_value());
  EXPECT_NE(arm->seccomp.find("SCMP_ARCH_AARCH64"), std::string::npos);
  EXPECT_EQ(arm->seccomp.find("\"arch_prctl\""), std::string::npos) << "there is no such call";
}

}  // namespace
}  // namespace brig::runtimes::process
