#include "runtimes/process/plan.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "runtimes/process/packing.h"
#include "runtimes/process/plan_wire.h"

namespace brig::runtimes::process {

static_assert(std::variant_size_v<Step> == static_cast<std::size_t>(Opcode::kInstallSeccomp) + 1,
              "plan.h and plan_wire.h list the same steps in the same order");

namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

std::string flags_text(std::uint32_t flags) {
  std::string text = " (nosuid";
  if ((flags & kReadOnly) != 0) text += ", ro";
  if ((flags & kNoDevices) != 0) text += ", nodev";
  if ((flags & kNoExec) != 0) text += ", noexec";
  return text + ")";
}

std::string octal(std::uint32_t mode) {
  std::string text;
  for (int shift = 9; shift >= 0; shift -= 3) text += static_cast<char>('0' + ((mode >> shift) & 7U));
  return text;
}

std::string hex(std::uint64_t value) {
  std::string text;
  do {
    text.insert(text.begin(), "0123456789abcdef"[value & 15U]);
    value >>= 4;
  } while (value != 0);
  return "0x" + text;
}

std::string limit_text(std::uint64_t value) { return value == RLIM_INFINITY ? "unlimited" : std::to_string(value); }

std::string_view resource_name(std::uint32_t resource) {
  switch (resource) {
    case RLIMIT_CPU: return "cpu";
    case RLIMIT_FSIZE: return "fsize";
    case RLIMIT_CORE: return "core";
    case RLIMIT_NPROC: return "nproc";
    case RLIMIT_NOFILE: return "nofile";
    case RLIMIT_MEMLOCK: return "memlock";
    case RLIMIT_AS: return "as";
    case RLIMIT_MSGQUEUE: return "msgqueue";
    case RLIMIT_SIGPENDING: return "sigpending";
    case RLIMIT_RTPRIO: return "rtprio";
    case RLIMIT_NICE: return "nice";
    default: return "?";
  }
}

}  // namespace

std::string describe(const Step& step) {
  using std::to_string;
  return std::visit(
      Overloaded{
          [](const JoinCgroup& s) { return "join the cgroup in slot " + to_string(s.slot); },
          [](const EnterCgroupNamespace&) { return std::string("enter a new cgroup namespace"); },
          [](const SetIdentity& s) { return "become uid " + to_string(s.uid) + " gid " + to_string(s.gid); },
          [](const DieWithParent&) { return std::string("die with the parent"); },
          [](const MakeMountsPrivate&) { return std::string("make every mount private"); },
          [](const NewRoot& s) {
            return "new root, tmpfs of " + to_string(s.bytes) + " bytes, " + to_string(s.inodes) + " inodes";
          },
          [](const UseRoot& s) { return "the root in slot " + to_string(s.slot) + ", which can be written"; },
          [](const EnterRoot& s) {
            return "enter a root at " + s.path + ", tmpfs of " + to_string(s.bytes) + " bytes, " + to_string(s.inodes) +
                   " inodes" + ((s.flags & kNoDevices) != 0 ? "" : ", without flags");
          },
          [](const LeaveRoot&) { return std::string("leave that root"); },
          [](const MakeFilesAs& s) { return "make files as uid " + to_string(s.uid) + " gid " + to_string(s.gid); },
          [](const MakeFolder& s) { return "folder " + s.path + " " + octal(s.mode); },
          [](const MakeLink& s) { return "link " + s.path + " -> " + s.target; },
          [](const WriteFile& s) { return "file " + s.path + " \"" + printable(s.text, 400) + "\""; },
          [](const CopyProgram& s) { return "copy the program in slot " + to_string(s.slot) + " to " + s.path; },
          [](const BindHost& s) {
            return "bind host " + printable(s.host, 4096) + " at " + printable(s.path, 4096) + flags_text(s.flags) +
                   (s.inode != 0 ? " if it is still the same object" : "");
          },
          [](const AttachMount& s) {
            return "attach the mount in slot " + to_string(s.slot) + " at " + printable(s.path, 4096);
          },
          [](const MountTmpfs& s) {
            return "tmpfs at " + s.path + " of " + to_string(s.bytes) + " bytes, " + to_string(s.inodes) + " inodes";
          },
          [](const MountProc& s) { return "proc at " + s.path; },
          [](const CoverProc& s) {
            std::string text = "cover everything at the top of " + s.path + " but processes and";
            for (const std::string& name : s.shown) text += " " + name;
            return text;
          },
          [](const SetKernelLimit& s) { return "write " + s.text + " to " + s.path; },
          [](const MountTerminals& s) { return "devpts at " + s.path; },
          [](const BindInside& s) {
            return "bind " + s.from + " at " + s.path + (s.flags == 0 ? "" : flags_text(s.flags));
          },
          [](const PivotRoot&) { return std::string("pivot into the new root and drop the old"); },
          [](const SealRoot&) { return std::string("make the root read-only"); },
          [](const SetHostname& s) { return "hostname " + s.name; },
          [](const RaiseLoopback&) { return std::string("raise the loopback interface"); },
          [](const NewSession&) { return std::string("new session and session keyring"); },
          [](const SetLimit& s) {
            return "limit " + std::string(resource_name(s.resource)) + " " + limit_text(s.soft) + " " +
                   limit_text(s.hard);
          },
          [](const DropCapabilities&) { return std::string("drop every capability from every set"); },
          [](const KeepCapabilities& s) { return "drop every capability but " + hex(s.mask) + " from every set"; },
          [](const ForbidNewPrivileges&) { return std::string("no new privileges"); },
          [](const RestrictFiles& s) {
            std::string text = "landlock: handle " + hex(s.handled) + ", scope " + hex(s.scoped);
            for (const FileRule& rule : s.rules)
              text += "\n  allow " + hex(rule.access) + " below " + printable(rule.path, 4096);
            return text;
          },
          [](const HideProcess&) { return std::string("not dumpable"); },
          [](const InstallSeccomp& s) {
            return "system-call filter of " + to_string(s.program.size() / 8) + " instructions";
          },
      },
      step);
}

std::string describe(const JailPlan& plan) {
  std::string text;
  for (const Step& step : plan.steps) text += describe(step) + "\n";
  return text;
}

namespace {

/// The phases of a plan. A step may not come before one of a lower phase; `kNever` marks steps that end a phase for
/// good.
int phase_of(const Step& step) {
  return std::visit(
      Overloaded{
          [](const JoinCgroup&) { return 0; },
          [](const EnterCgroupNamespace&) { return 1; },
          [](const SetIdentity&) { return 2; },
          [](const DieWithParent&) { return 3; },
          [](const MakeMountsPrivate&) { return 4; },
          [](const NewRoot&) { return 5; },
          [](const UseRoot&) { return 5; },
          [](const PivotRoot&) { return 7; },
          [](const SealRoot&) { return 8; },
          [](const SetHostname&) { return 9; },
          [](const RaiseLoopback&) { return 9; },
          [](const NewSession&) { return 9; },
          [](const SetLimit&) { return 9; },
          [](const DropCapabilities&) { return 10; },
          [](const KeepCapabilities&) { return 10; },
          [](const ForbidNewPrivileges&) { return 11; },
          [](const RestrictFiles&) { return 12; },
          [](const HideProcess&) { return 13; },
          [](const InstallSeccomp&) { return 14; },
          [](const auto&) { return 6; },  // everything that builds the tree, between the new root and the pivot
      },
      step);
}

}  // namespace

Result<> check_order(const JailPlan& plan) {
  int phase = 0;
  std::uint32_t seen = 0;
  for (const Step& step : plan.steps) {
    const int own = phase_of(step);
    if (own < phase) return Error(Code::kInternal, "the plan is out of order at: " + describe(step));
    phase = own;
    seen |= 1U << own;
  }
  // No plan without these: identity, death with the parent, private mounts, root, pivot, capabilities, no new
  // privileges, hidden, filter; and a sealed root, but for one that is meant to be written.
  const bool is_writable =
      std::ranges::any_of(plan.steps, [](const Step& s) { return std::holds_alternative<UseRoot>(s); });
  if (is_writable) seen |= 1U << 8U;
  for (int needed : {2, 3, 4, 5, 7, 8, 10, 11, 13, 14}) {
    if ((seen & (1U << needed)) == 0) {
      return Error(Code::kInternal, "the plan lacks a step of phase " + std::to_string(needed));
    }
  }
  return {};
}

namespace {

void encode_fields(Packer& out, const Step& step) {
  std::visit(
      Overloaded{
          [&](const JoinCgroup& s) { out.number(s.slot); },
          [&](const SetIdentity& s) { out.number(s.uid), out.number(s.gid); },
          [&](const NewRoot& s) { out.number(s.bytes), out.number(s.inodes); },
          [&](const UseRoot& s) { out.number(s.slot); },
          [&](const EnterRoot& s) { out.text(s.path), out.number(s.bytes), out.number(s.inodes), out.number(s.flags); },
          [&](const MakeFilesAs& s) { out.number(s.uid), out.number(s.gid); },
          [&](const MakeFolder& s) { out.text(s.path), out.number(s.mode); },
          [&](const MakeLink& s) { out.text(s.target), out.text(s.path); },
          [&](const WriteFile& s) { out.text(s.path), out.text(s.text); },
          [&](const CopyProgram& s) { out.number(s.slot), out.text(s.path); },
          [&](const BindHost& s) {
            out.text(s.host), out.text(s.path), out.number(s.flags), out.number(s.device), out.number(s.inode);
          },
          [&](const AttachMount& s) { out.number(s.slot), out.text(s.path); },
          [&](const MountTmpfs& s) { out.text(s.path), out.number(s.bytes), out.number(s.inodes); },
          [&](const MountProc& s) { out.text(s.path); },
          [&](const CoverProc& s) {
            out.text(s.path), out.number(static_cast<std::uint32_t>(s.shown.size()));
            for (const std::string& name : s.shown) out.text(name);
          },
          [&](const SetKernelLimit& s) { out.text(s.path), out.text(s.text); },
          [&](const MountTerminals& s) { out.text(s.path); },
          [&](const BindInside& s) { out.text(s.from), out.text(s.path), out.number(s.flags); },
          [&](const SetHostname& s) { out.text(s.name); },
          [&](const KeepCapabilities& s) { out.number(s.mask); },
          [&](const SetLimit& s) { out.number(s.resource), out.number(s.soft), out.number(s.hard); },
          [&](const RestrictFiles& s) {
            out.number(s.handled), out.number(s.scoped), out.number(static_cast<std::uint32_t>(s.rules.size()));
            for (const FileRule& rule : s.rules) out.text(rule.path), out.number(rule.access);
          },
          [&](const InstallSeccomp& s) { out.text(s.program); },
          [](const auto&) {},  // no fields
      },
      step);
}

}  // namespace

Result<std::string> encode(const JailPlan& plan) {
  Packer out;
  for (const Step& step : plan.steps) {
    out.number(static_cast<std::uint8_t>(step.index()));
    encode_fields(out, step);
  }
  std::string bytes = out.take();
  if (bytes.size() > kMaxPlan) {
    return Error(Code::kExhausted,
                 "the sandbox's plan is too large (" + std::to_string(bytes.size()) + " bytes): use fewer mounts");
  }
  return bytes;
}

}  // namespace brig::runtimes::process
