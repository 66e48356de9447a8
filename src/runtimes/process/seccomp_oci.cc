#include "runtimes/process/seccomp_oci.h"

#include <seccomp.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>
#include <string_view>
#include <vector>

#include "runtimes/process/seccomp_profile.h"

namespace brig::runtimes::process {
namespace {

std::uint32_t token_of(Architecture architecture) {
  return architecture == Architecture::kX86_64 ? SCMP_ARCH_X86_64 : SCMP_ARCH_AARCH64;
}

/// The list of `syscalls`, entry by entry. Names are the table's own: nothing in them needs escaping.
class Entries {
 public:
  explicit Entries(Architecture architecture) : token_(token_of(architecture)) {}

  void allow(const std::vector<std::string>& names, std::span<const ArgumentTest> tests) {
    add(names, R"("action":"SCMP_ACT_ALLOW")", tests);
  }
  void refuse(const std::vector<std::string>& names, int os_error, std::span<const ArgumentTest> tests) {
    // ENOSYS is the default already, and a rule of the default's action is none.
    if (os_error != ENOSYS) add(names, R"("action":"SCMP_ACT_ERRNO","errnoRet":)" + std::to_string(os_error), tests);
  }
  /// Of names separated by spaces, those that this architecture has and `but` has not.
  [[nodiscard]] std::vector<std::string> known(std::string_view calls, const std::set<std::string>& but = {}) const {
    std::vector<std::string> names;
    while (!calls.empty()) {
      const std::size_t end = std::min(calls.find(' '), calls.size());
      std::string name(calls.substr(0, end));
      calls.remove_prefix(std::min(end + 1, calls.size()));
      if (!name.empty() && !but.contains(name) && seccomp_syscall_resolve_name_arch(token_, name.c_str()) >= 0)
        names.push_back(std::move(name));
    }
    return names;
  }
  [[nodiscard]] std::string text() const { return "[" + text_ + "]"; }

 private:
  void add(const std::vector<std::string>& names, const std::string& action, std::span<const ArgumentTest> tests) {
    if (names.empty()) return;
    std::string entry = R"({"names":[)";
    for (const std::string& name : names) entry += (entry.ends_with('[') ? "\"" : ",\"") + name + "\"";
    entry += "]," + action;
    if (!tests.empty()) {
      entry += R"(,"args":[)";
      for (const ArgumentTest& test : tests) {
        if (!entry.ends_with('[')) entry += ",";
        entry += R"({"index":)" + std::to_string(test.index) + R"(,"value":)" + std::to_string(test.mask) +
                 R"(,"valueTwo":)" + std::to_string(test.value) + R"(,"op":"SCMP_CMP_MASKED_EQ"})";
      }
      entry += "]";
    }
    entry += "}";
    // Two names of one ioctl number are one rule, and runtimes refuse a second.
    if (seen_.insert(entry).second) text_ += (text_.empty() ? "" : ",") + entry;
  }

  std::uint32_t token_;
  std::string text_;
  std::set<std::string> seen_;
};

/// More rules of one call than that are a long list.
constexpr int kLongList = 12;

std::set<std::string> calls_of(std::span<const AllowIfRule> rules) {
  std::set<std::string> calls;
  for (const AllowIfRule& rule : rules) calls.emplace(rule.call);
  return calls;
}

/// Two arguments of one index would be taken as "one of them" by runtimes, and as "both" by our compiler.
Result<> check(std::span<const ArgumentTest> tests, std::string_view call) {
  std::set<std::uint32_t> seen;
  for (const ArgumentTest& test : tests) {
    if (!seen.insert(test.index).second)
      return Error(Code::kInternal, "the profile tests one argument twice: " + std::string(call));
  }
  return {};
}

}  // namespace

std::set<std::string> calls_with_long_lists() {
  std::map<std::string, int> counts;
  for (const AllowIfRule& rule : allow_if_rules()) ++counts[std::string(rule.call)];
  std::set<std::string> calls;
  for (const auto& [call, count] : counts)
    if (count > kLongList) calls.insert(call);
  return calls;
}

Result<OciProfile> oci_profile(Architecture architecture) {
  Entries entries(architecture);
  const std::set<std::string> starting = calls_of(start_rules());
  std::set<std::string> never_refused = starting;
  never_refused.merge(calls_of(identity_rules()));
  const std::set<std::string> passing = calls_with_long_lists();
  std::set<std::string> untested = starting;
  untested.insert(passing.begin(), passing.end());
  for (const AllowRule& rule : allow_rules()) entries.allow(entries.known(rule.calls, starting), {});
  for (const AllowIfRule& rule : start_rules()) entries.allow(entries.known(rule.call), rule.tests);
  for (const std::string& call : passing) entries.allow(entries.known(call), {});
  for (const AllowIfRule& rule : allow_if_rules()) {
    TRY(check(rule.tests, rule.call));
    entries.allow(entries.known(rule.call, untested), rule.tests);
  }
  for (const RefuseRule& rule : refuse_rules())
    entries.refuse(entries.known(rule.calls, never_refused), rule.os_error, {});
  for (const RefuseIfRule& rule : refuse_if_rules()) {
    TRY(check(rule.tests, rule.call));
    entries.refuse(entries.known(rule.call, untested), rule.os_error, rule.tests);
  }
  Entries identity(architecture);
  for (const AllowIfRule& rule : identity_rules()) identity.allow(identity.known(rule.call), rule.tests);
  const std::string_view name = architecture == Architecture::kX86_64 ? "SCMP_ARCH_X86_64" : "SCMP_ARCH_AARCH64";
  return OciProfile{.seccomp = R"({"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":)" + std::to_string(ENOSYS) +
                               R"(,"architectures":[")" + std::string(name) + R"("],"syscalls":)" + entries.text() +
                               "}",
                    .identity = identity.text()};
}

}  // namespace brig::runtimes::process
