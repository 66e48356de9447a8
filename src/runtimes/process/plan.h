#pragma once
/// JailPlan: the exact acts, in order, that turn a fresh clone into a jailed process.
///
/// Compiling a plan (compile.h) is pure: it reads a request and a HostReport and touches nothing, so plans are compared
/// with golden files. Executing one (executor.h) is dumb: brig-init runs the steps in order and stops at the first that
/// fails; no step may fail. The order is part of the contract and check_order() proves it: groups, identity, mounts,
/// pivot, then everything that only takes away, and the system-call filter last.
///
/// Paths: `host` paths are looked up in the host's tree before the pivot; all others are relative to the new root and
/// written without a leading slash ("usr", "proc/sys").
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"

namespace brig::runtimes::process {

/// Attributes of a mount (linux/mount.h MOUNT_ATTR_*); every mount of ours is nosuid.
enum MountFlag : std::uint32_t {
  kReadOnly = 1U << 0,
  kNoDevices = 1U << 1,
  kNoExec = 1U << 2,
};

struct JoinCgroup {
  std::uint32_t slot;
};  ///< writes "0" to the inherited `tasks` file: no global lock
struct EnterCgroupNamespace {};  ///< after joining, so that our group is the root we see
struct SetIdentity {
  std::uint32_t uid, gid;
};  ///< inside ids; before any file is made (EOVERFLOW otherwise)
struct DieWithParent {};      ///< again after SetIdentity: a change of credentials clears it
struct MakeMountsPrivate {};  ///< nothing we mount may reach the host
struct NewRoot {
  std::uint64_t bytes;
  std::uint32_t inodes;
};  ///< a small tmpfs; everything below is relative to it
struct UseRoot {
  std::uint32_t slot;
};  ///< instead: a root that can be written, made by the launcher and passed as a descriptor
/// A root inside the root, attached at `path`: the steps that follow are relative to it, until LeaveRoot.
struct EnterRoot {
  std::string path;
  std::uint64_t bytes;
  std::uint32_t inodes;
  std::uint32_t flags;  ///< nosuid and nodev with kNoDevices, as every other; a user namespace cannot take them back
};
struct LeaveRoot {};
struct MakeFilesAs {
  std::uint32_t uid, gid;
};  ///< outside ids: to whom what is made from now on belongs (setfsuid)
struct MakeFolder {
  std::string path;
  std::uint32_t mode;
};
struct MakeLink {
  std::string target, path;
};
struct WriteFile {
  std::string path, text;
};  ///< mode 0644
struct CopyProgram {
  std::uint32_t slot;
  std::string path;
};  ///< mode 0555
struct BindHost {  ///< a host file or folder with all mounts below it
  std::string host, path;
  std::uint32_t flags;
  std::uint64_t device = 0, inode = 0;  ///< if set, what must be found there: the object was not exchanged
};
struct AttachMount {
  std::uint32_t slot;
  std::string path;
};  ///< a mount the launcher made and passed as a descriptor
struct MountTmpfs {
  std::string path;
  std::uint64_t bytes;
  std::uint32_t inodes;
};  ///< nodev
struct MountProc {
  std::string path;
};  ///< of the new pid namespace
/// Hides what others may read at the top of a /proc: whatever this kernel has there, but processes and what is `shown`.
/// The one step that looks: only inside is the list short and the one that counts.
struct CoverProc {
  std::string path;
  std::vector<std::string> shown;
};
/// Writes a limit of the new user namespace, below a /proc/sys that is not read-only yet.
struct SetKernelLimit {
  std::string path;
  std::string text;
  bool operator==(const SetKernelLimit&) const = default;
};
struct MountTerminals {
  std::string path;
};  ///< a devpts instance of its own
struct BindInside {
  std::string from, path;
  std::uint32_t flags;
};  ///< both in the new root; not recursive; 0 keeps the source's flags
struct PivotRoot {};  ///< the host's tree is gone after this
struct SealRoot {};   ///< the root tmpfs becomes read-only
struct SetHostname {
  std::string name;
};
struct RaiseLoopback {};  ///< 127.0.0.1 inside works; there is nothing else
struct NewSession {};     ///< no controlling terminal, new session keyring
struct SetLimit {
  std::uint32_t resource;
  std::uint64_t soft, hard;
};
struct DropCapabilities {};  ///< all five sets, and securebits locked
struct KeepCapabilities {
  std::uint64_t mask;
};  ///< instead, in a root that can be written: these and no others, also over an exec by uid 0
struct ForbidNewPrivileges {};
struct FileRule {
  std::string path;
  std::uint64_t access;
};
struct RestrictFiles {  ///< Landlock; paths are absolute, after the pivot
  std::uint64_t handled, scoped;
  std::vector<FileRule> rules;
};
struct HideProcess {};  ///< not dumpable: /proc/1/{mem,fd,environ} belong to nobody inside
struct InstallSeccomp {
  std::string program;
};  ///< sock_filter array; the last step

using Step =
    std::variant<JoinCgroup, EnterCgroupNamespace, SetIdentity, DieWithParent, MakeMountsPrivate, NewRoot, UseRoot,
                 EnterRoot, LeaveRoot, MakeFilesAs, MakeFolder, MakeLink, WriteFile, CopyProgram, BindHost, AttachMount,
                 MountTmpfs, MountProc, CoverProc, SetKernelLimit, MountTerminals, BindInside, PivotRoot, SealRoot,
                 SetHostname, RaiseLoopback, NewSession, SetLimit, DropCapabilities, KeepCapabilities,
                 ForbidNewPrivileges, RestrictFiles, HideProcess, InstallSeccomp>;

struct JailPlan {
  std::vector<Step> steps;
};

/// One line a step, for golden files, errors and review: "bind /usr -> usr (ro, nodev)".
std::string describe(const Step& step);
std::string describe(const JailPlan& plan);

/// kInternal, naming the step, if the order could leave a gap (for example a mount after the pivot, or anything after
/// the filter).
Result<> check_order(const JailPlan& plan);

/// The bytes brig-init reads (plan_wire.h). kExhausted if they would not fit its buffer.
Result<std::string> encode(const JailPlan& plan);

}  // namespace brig::runtimes::process
