#include "runtimes/oci/box.h"

#include <array>
#include <utility>

#include "runtimes/oci/spec.h"

namespace brig::runtimes::oci {
namespace {

using process::BindHost;
using process::EnterRoot;
using process::HostReport;
using process::JailPlan;
using process::MakeFolder;
using process::MakeLink;
using process::WriteFile;

std::string relative(std::string_view path) { return std::string(path.substr(1)); }

/// What the runtime's own program needs: libraries, devices, /proc.
void add_system(JailPlan& plan, const BoxInput& input) {
  constexpr std::uint32_t kSystem = process::kReadOnly | process::kNoDevices;
  const auto add = [&](auto step) { plan.steps.emplace_back(std::move(step)); };
  add(process::NewRoot{.bytes = mebibytes(64).count, .inodes = 16'384});
  for (const char* path :
       {"box", "box/state", "dev", "etc", "proc", "run", "sys", "sys/fs", "sys/fs/cgroup", "tmp", "usr"})
    add(MakeFolder{.path = path, .mode = 0755});
  add(MakeFolder{.path = relative(kRootFolder), .mode = 0755});
  add(BindHost{.host = "/usr", .path = "usr", .flags = kSystem});
  for (const HostReport::RootEntry& entry : input.system) {
    if (!entry.target.empty()) {
      add(MakeLink{.target = entry.target, .path = entry.name});
    } else {
      add(MakeFolder{.path = entry.name, .mode = 0755});
      add(BindHost{.host = "/" + entry.name, .path = entry.name, .flags = kSystem});
    }
  }
  for (const char* name : {"full", "null", "random", "tty", "urandom", "zero"}) {
    const std::string path = std::string("dev/") + name;
    add(WriteFile{.path = path, .text = ""});
    add(BindHost{.host = "/" + path, .path = path, .flags = process::kNoExec});
  }
  add(process::MountProc{.path = "proc"});
  if (!input.host.is_root) {
    // Of the namespace that the sandbox's own is in: otherwise it takes what its owner has for all (compile.cc).
    add(process::SetKernelLimit{.path = "proc/sys/user/max_inotify_instances", .text = "8"});
    add(process::SetKernelLimit{.path = "proc/sys/user/max_inotify_watches", .text = "8192"});
  }
  if (!input.cgroups.empty()) {
    const std::uint32_t access = input.host.is_root ? 0U : process::kReadOnly;
    add(BindHost{
        .host = input.cgroups, .path = "sys/fs/cgroup", .flags = access | process::kNoDevices | process::kNoExec});
  }
}

}  // namespace

Result<JailPlan> compile_box(const BoxInput& input, std::uint32_t join) {
  JailPlan plan;
  const auto add = [&](auto step) { plan.steps.emplace_back(std::move(step)); };
  for (std::uint32_t slot = 0; slot < join; ++slot) add(process::JoinCgroup{.slot = slot});
  add(process::MakeMountsPrivate{});
  add_system(plan, input);
  // Files of the sandbox's root belong to its user, as in the process wall: what is in it could not be read otherwise.
  add(process::MakeFilesAs{.uid = input.ids.uid, .gid = input.ids.gid});
  // gVisor makes it read-only once more and may not do that, in a user namespace, to a mount with flags that it does
  // not name. Its mounts and its kernel are what keeps set-id programs and devices from meaning anything there.
  const bool is_gvisor = input.request.wall == process::Wall::kRunsc;
  add(EnterRoot{.path = relative(kRootFolder),
                .bytes = mebibytes(2).count,
                .inodes = 1024,
                .flags = is_gvisor ? 0U : process::kNoDevices});
  JailPlan tree = TRY(process::compile_tree(input.request, input.host, input.identities, join + 1));
  for (process::Step& step : tree.steps) plan.steps.push_back(std::move(step));
  add(process::CopyProgram{.slot = join, .path = relative(kInitInside)});
  add(process::SealRoot{});
  add(process::LeaveRoot{});
  add(process::MakeFilesAs{.uid = 0, .gid = 0});
  add(WriteFile{.path = "box/config.json", .text = input.spec});
  add(process::PivotRoot{});
  return plan;
}

}  // namespace brig::runtimes::oci
