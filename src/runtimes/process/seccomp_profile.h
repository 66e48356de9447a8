#pragma once
/// The system-call filter of the process wall, as a table: what is allowed and why, and what is refused and how.
///
/// Everything that is not in the table answers ENOSYS, so that a C library falls back from calls newer than this table
/// instead of failing. Calls that are dangerous and known answer EPERM, each with its reason, so that a person sees a
/// refusal. Another architecture's calls (and x32) kill the process. Compiled at build time by brig-seccomp
/// (seccomp_compile.h) for each architecture; the golden text is tests/golden/process/seccomp-*.pfc.
#include <cstdint>
#include <span>
#include <string_view>

namespace brig::runtimes::process {

/// A condition on one argument: (argument & mask) == value. All conditions of a rule must hold.
struct ArgumentTest {
  std::uint32_t index = 0;
  std::uint64_t mask = 0;
  std::uint64_t value = 0;
};

struct AllowRule {
  std::string_view calls;  ///< names, separated by spaces; names an architecture lacks are skipped there
  std::string_view why;
};
struct AllowIfRule {
  std::string_view call;
  std::span<const ArgumentTest> tests;
  std::string_view why;
};
struct RefuseIfRule {
  std::string_view call;
  std::span<const ArgumentTest> tests;
  int os_error;
  std::string_view why;
};
struct RefuseRule {
  std::string_view calls;
  int os_error;
  std::string_view why;
};

/// Allowed whatever the arguments.
std::span<const AllowRule> allow_rules();
/// Allowed with these arguments; with any other the call answers the default (ENOSYS).
std::span<const AllowIfRule> allow_if_rules();
/// Refused with an errno other than the default's.
std::span<const RefuseRule> refuse_rules();
/// With these arguments, of a call that others may be made of, refused with the errno that programs expect there.
std::span<const RefuseIfRule> refuse_if_rules();

/// A filter of the same table can stand before this one: an OCI runtime's, made of the specification (seccomp_oci.h).
/// It judges brig-init too, which has yet to install this one, and lets it do that: these, whatever the table says of
/// the calls that they name.
std::span<const AllowIfRule> start_rules();
/// And where brig-init has yet to leave the only id that there was for the runtime (without root).
std::span<const AllowIfRule> identity_rules();

}  // namespace brig::runtimes::process
