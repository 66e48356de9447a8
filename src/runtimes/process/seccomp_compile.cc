#include "runtimes/process/seccomp_compile.h"

#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <set>
#include <vector>

#include "runtimes/process/seccomp_profile.h"
#include "sys/file.h"

namespace brig::runtimes::process {
namespace {

using Filter = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

std::uint32_t token_of(Architecture architecture) {
  return architecture == Architecture::kX86_64 ? SCMP_ARCH_X86_64 : SCMP_ARCH_AARCH64;
}

Error failed(int result, std::string_view what) { return Error::system(-result, "seccomp: " + std::string(what)); }

/// The number to give to libseccomp, which wants this machine's own and translates it; negative where the call does not
/// exist on `architecture`.
Result<int> number_of(Architecture architecture, std::string_view name) {
  const std::string text(name);
  const int there = seccomp_syscall_resolve_name_arch(token_of(architecture), text.c_str());
  if (there == __NR_SCMP_ERROR) {
    return Error(Code::kInternal, "the profile names a system call nobody knows: " + text);
  }
  return there < 0 ? there : seccomp_syscall_resolve_name(text.c_str());
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> result;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) result.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

std::vector<scmp_arg_cmp> comparisons(std::span<const ArgumentTest> tests) {
  std::vector<scmp_arg_cmp> result;
  for (const ArgumentTest& test : tests) {
    result.push_back({.arg = test.index, .op = SCMP_CMP_MASKED_EQ, .datum_a = test.mask, .datum_b = test.value});
  }
  return result;
}

Result<std::set<int>> add_permissions(const Filter& filter, Architecture architecture) {
  std::set<int> allowed;
  for (const AllowRule& rule : allow_rules()) {
    for (std::string_view name : words(rule.calls)) {
      const int number = TRY(number_of(architecture, name));
      if (number < 0) continue;
      const int result = seccomp_rule_add_exact_array(filter.get(), SCMP_ACT_ALLOW, number, 0, nullptr);
      if (result < 0) return failed(result, name);
      allowed.insert(number);
    }
  }
  for (const AllowIfRule& rule : allow_if_rules()) {
    const int number = TRY(number_of(architecture, rule.call));
    if (number < 0) continue;
    const auto tests = comparisons(rule.tests);
    const int result = seccomp_rule_add_exact_array(filter.get(), SCMP_ACT_ALLOW, number,
                                                    static_cast<unsigned>(tests.size()), tests.data());
    if (result < 0 && result != -EEXIST) return failed(result, rule.call);  // two names of one ioctl number
    allowed.insert(number);
  }
  return allowed;
}

Result<> add_refusals(const Filter& filter, Architecture architecture) {
  for (const RefuseRule& rule : refuse_rules()) {
    for (std::string_view name : words(rule.calls)) {
      const int number = TRY(number_of(architecture, name));
      if (number < 0 || rule.os_error == ENOSYS) continue;  // ENOSYS is the default already
      const int result = seccomp_rule_add_exact_array(
          filter.get(), SCMP_ACT_ERRNO(static_cast<std::uint32_t>(rule.os_error)), number, 0, nullptr);
      if (result < 0) return failed(result, name);
    }
  }
  for (const RefuseIfRule& rule : refuse_if_rules()) {
    const int number = TRY(number_of(architecture, rule.call));
    if (number < 0) continue;
    const auto tests = comparisons(rule.tests);
    const int result =
        seccomp_rule_add_exact_array(filter.get(), SCMP_ACT_ERRNO(static_cast<std::uint32_t>(rule.os_error)), number,
                                     static_cast<unsigned>(tests.size()), tests.data());
    if (result < 0) return failed(result, rule.call);
  }
  return {};
}

/// The text libseccomp prints for review, through a memory file because it writes to a descriptor only.
Result<std::string> export_with(int (*exporter)(const scmp_filter_ctx, int), const Filter& filter) {
  const Fd file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!file.is_open()) return Error::last_system("create a memory file");
  if (const int result = exporter(filter.get(), file.get()); result < 0) return failed(result, "export");
  if (::lseek(file.get(), 0, SEEK_SET) < 0) return Error::last_system("seek");
  return sys::read_all(file.ref(), 4 << 20);
}

}  // namespace

std::string_view to_string(Architecture architecture) {
  return architecture == Architecture::kX86_64 ? "x86_64" : "aarch64";
}

Result<CompiledProfile> compile_profile(Architecture architecture) {
  const Filter filter(seccomp_init(SCMP_ACT_ERRNO(ENOSYS)), seccomp_release);
  if (filter == nullptr) return Error(Code::kSystem, "seccomp: out of memory");
  if (architecture != Architecture::kX86_64 || seccomp_arch_native() != SCMP_ARCH_X86_64) {
    if (const int result = seccomp_arch_add(filter.get(), token_of(architecture)); result < 0 && result != -EEXIST) {
      return failed(result, "add the architecture");
    }
    if (seccomp_arch_native() != token_of(architecture)) seccomp_arch_remove(filter.get(), seccomp_arch_native());
  }
  // Another architecture's calls, and x32 on x86_64: the numbers mean something else there, so nothing can be judged.
  if (const int result = seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS); result < 0) {
    return failed(result, "set the action for foreign architectures");
  }
  if (const int result = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2); result < 0) {
    return failed(result, "ask for a binary search");  // linear search costs microseconds a call at the end of the list
  }
  const std::set<int> allowed = TRY(add_permissions(filter, architecture));
  TRY(add_refusals(filter, architecture));
  CompiledProfile profile;
  profile.program = TRY(export_with(seccomp_export_bpf, filter));
  profile.text = TRY(export_with(seccomp_export_pfc, filter));
  profile.allowed = static_cast<std::uint32_t>(allowed.size());
  return profile;
}

}  // namespace brig::runtimes::process
