#pragma once
/// Container: one container of ours, from its making to its removal.
///
/// Made in this order: image, scratch, container, relay (attached before anything runs), start, plan, confirmation,
/// and only then brig-init is told to begin. A failure on the way removes what was made. Blocks.
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "runtimes/engine/engine.h"
#include "runtimes/process/attest.h"
#include "runtimes/process/host_report.h"
#include "runtimes/process/launch.h"
#include "runtimes/process/plan.h"
#include "sys/cgroup.h"
#include "sys/process.h"

namespace brig::runtimes::engine {

struct Order {
  Place place;
  About about;
  process::LaunchRequest request;
  process::HostReport host;  ///< without lists of files
  std::string init;          ///< brig-init on the host
};

class Container {
 public:
  explicit Container(const Order& order) : order_(order), engine_(order.place, order.about.name) {}

  /// `guest` is the guest's end of the channel, `talk` a copy of the other one, over which brig-init hears the plan.
  Result<runtime::Attestation> make(Fd guest, Fd talk);

  /// Readable once its first process has ended.
  [[nodiscard]] FdRef ended() const { return process_.ref(); }
  /// Readable once nobody carries the channel any more.
  [[nodiscard]] FdRef unattached() const { return relay_.pidfd(); }
  /// Of its group; only after make().
  [[nodiscard]] const std::optional<sys::Cgroup>& group() const { return group_; }

  Result<> pause();
  Result<> resume();
  /// Ends every process and removes the container; returns when the engine does not know it any more. kUnavailable if
  /// the engine has gone: the processes have ended even so, where we may end them.
  Result<> remove();
  /// Removes the containers, and as root what hangs of scratch, that dead keepers have left.
  void sweep();

 private:
  struct Prepared;
  Result<Prepared> prepare();
  Result<> need_image(const std::string& name, const std::string& archive);
  Result<pid_t> find_process();
  Result<> instruct(FdRef talk, const process::JailPlan& plan);
  [[nodiscard]] bool may_share_scratch() const { return order_.host.is_root && !order_.about.has_user_namespaces; }
  [[nodiscard]] std::string target(std::string_view below = {}) const {
    return "/containers/" + id_ + std::string(below);
  }
  Result<bool> is_known();

  const Order& order_;
  Engine engine_;
  std::string id_;  ///< empty until the engine has made it
  bool is_paused_ = false;
  Fd process_;  ///< pidfd of its first process
  sys::Child relay_;
  std::optional<sys::Cgroup> group_;
};

}  // namespace brig::runtimes::engine
