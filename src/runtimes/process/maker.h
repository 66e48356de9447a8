#pragma once
/// Maker: how a sandbox's first process comes to be, and what the kernel then says of it. One implementation a kind of
/// wall; timers, groups, questions and the end are the warden's and the same for all.
///
/// Life: limits() and making_limits(), then start(), instruct(), confirm(), begin(), once each and in this order. A
/// failure ends the attempt: the warden kills what start() gave, and nothing may be left.
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "runtimes/process/compile.h"
#include "runtimes/process/host_report.h"
#include "runtimes/process/image_mount.h"
#include "runtimes/process/launch.h"
#include "runtimes/process/plan_wire.h"
#include "sys/cgroup.h"
#include "sys/process.h"

namespace brig::runtimes::process {

/// Who a sandbox's user is outside.
struct OutsideIds {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

/// What the warden has prepared. It is the warden's, and outlives the maker.
struct Site {
  const LaunchRequest& request;
  HostReport& host;  ///< still without lists of files; a maker adds them when there is time
  FdRef init;        ///< the sealed copy of brig-init
  OutsideIds ids;
  FdRef channel;  ///< the guest's end
  const std::optional<Image>& image;
  const std::vector<Fd>& attached;  ///< the root if it is an image or can be written, then the mounts (root)
  const std::vector<MountIdentity>& identities;
  sys::Cgroup* cgroup = nullptr;  ///< nullptr where none can be made
};

/// The limits that the request asks for, without what a wall may need besides.
inline sys::CgroupLimits asked_limits(const LaunchRequest& request) {
  return {.memory = request.memory, .pids = request.pids, .cpu_millis = request.cpu_millis};
}

class Maker {
 public:
  virtual ~Maker() = default;

  /// Of the group, while the sandbox is being made and from then on.
  [[nodiscard]] virtual sys::CgroupLimits making_limits(const LaunchRequest& request) const { return limits(request); }
  [[nodiscard]] virtual sys::CgroupLimits limits(const LaunchRequest& request) const { return asked_limits(request); }
  /// Of `counted` processes in the group, those of the guest.
  [[nodiscard]] virtual std::uint64_t pids_of_guest(std::uint64_t counted) const = 0;

  /// A child with whose end, also by SIGKILL, the kernel ends everything of the sandbox. It runs nothing of the guest.
  virtual Result<sys::Child> start(const Site& site) = 0;
  /// Tells it what to become.
  virtual Result<> instruct(const Site& site, const sys::Child& child) = 0;
  /// Waits until it has become that, and reads back what confines it.
  virtual Result<runtime::Attestation> confirm(const Site& site, const sys::Child& child) = 0;
  virtual Result<> begin() = 0;
};

/// Gives the maker of a wall; none if this program knows none.
using Makers = std::unique_ptr<Maker> (*)(Wall wall);

/// The process wall's, and only that.
std::unique_ptr<Maker> process_maker(Wall wall);

/// The supplementary groups that every sandbox of this process has as well: none for root, who drops them
/// (launcher.cc).
Result<std::vector<std::uint32_t>> remaining_groups(const HostReport& host);
/// A pipe, both ends close-on-exec.
Result<std::pair<Fd, Fd>> make_pipe();
/// The plan as brig-init reads it: its size, and it.
Result<std::string> framed(const JailPlan& plan);
/// What brig-init's report means; `plan` is the one that was sent.
Result<> judge_report(const PlanReport& report, const JailPlan& plan);

}  // namespace brig::runtimes::process
