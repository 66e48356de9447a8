#include "runtimes/process/warden.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "base/check.h"
#include "runtimes/process/attest.h"
#include "runtimes/process/compile.h"
#include "runtimes/process/disk_scratch.h"
#include "runtimes/process/end_of_life.h"
#include "runtimes/process/idmap.h"
#include "runtimes/process/image_mount.h"
#include "runtimes/process/plan_wire.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/seqpacket.h"

namespace brig::runtimes::process {
namespace {

using Clock = std::chrono::steady_clock;

/// How long after the lifetime the kernel ends what the polite way should have ended.
constexpr Milliseconds kGrace{1000};

/// How long all processes of a sandbox may take to stop; one that waits for a disk takes part of a second.
constexpr Milliseconds kFreezeLimit{2000};

/// A group without processes for that long was left by a warden that was killed together with its owner.
constexpr Milliseconds kLeftoverAge{10'000};

void send_reply(FdRef control, const Reply& reply) {
  // If the owner is gone there is nobody to tell; the caller goes on to take the sandbox down.
  const std::string bytes = encode(reply);
  (void)sys::send_message(control, std::as_bytes(std::span(bytes)));
}

OutsideIds outside_ids(const HostReport& host, bool is_builder) {
  if (is_builder) return {.uid = kFirstBuilderId, .gid = kFirstBuilderId};
  if (!host.is_root) return {.uid = host.uid, .gid = host.gid};
  const std::uint32_t own = kFirstOutsideId + static_cast<std::uint32_t>(::getpid());
  return {.uid = own, .gid = own};
}

class Warden {
 public:
  Warden(WardenJob job, HostReport host, FdRef init, std::unique_ptr<Maker> maker)
      : job_(std::move(job)), host_(std::move(host)), init_(init), maker_(std::move(maker)) {}

  void run() {
    auto built = build();
    if (!built.has_value()) {
      take_down();
      send_reply(job_.control.ref(), Failed{std::move(built).error()});
      return;
    }
    send_reply(job_.control.ref(), Ready{*std::move(built)});
    serve();
    take_down();
    send_reply(job_.control.ref(), Ended{report()});
  }

 private:
  Result<runtime::Attestation> build();
  Result<> attach_root_and_scratch();
  void serve();
  Result<> act(const AskMessage& question);
  [[nodiscard]] Answer answer(const AskMessage& question);
  void take_down();
  [[nodiscard]] runtime::CellReport report() const;

  WardenJob job_;
  HostReport host_;
  OutsideIds ids_ = outside_ids(host_, job_.request.is_writable);
  FdRef init_;
  std::unique_ptr<Maker> maker_;
  Clock::time_point born_ = Clock::now();
  std::optional<sys::Cgroup> cgroup_;
  std::vector<Fd> attached_;  ///< mounts made by us (root)
  std::vector<MountIdentity> identities_;
  sys::Child child_;
  Milliseconds cpu_{0};
  sys::CgroupCounters counters_;
  EndOfLife end_of_life_{kGrace};
  bool has_expired_ = false;
};

Result<runtime::Attestation> Warden::build() {
  TRY(end_of_life_.set(job_.request.lifetime));
  if (host_.cgroups.has_all()) {
    cgroup_ = TRY(sys::Cgroup::create(host_.cgroups, job_.request.id, maker_->making_limits(job_.request)));
  }
  for (std::size_t i = 0; i < job_.mounts.size(); ++i) {
    const LaunchMount& mount = job_.request.mounts[i];
    if (host_.is_root) {
      attached_.push_back(
          TRY(make_mount(job_.mounts[i].ref(), mount, job_.asker, ids_.uid).context("show " + mount.host + " inside")));
    } else {
      struct stat info = {};
      if (::fstat(job_.mounts[i].get(), &info) < 0) return Error::last_system("look at " + mount.host);
      identities_.push_back({.device = info.st_dev, .inode = info.st_ino});
    }
  }
  TRY(attach_root_and_scratch());
  const Site site{.request = job_.request,
                  .host = host_,
                  .init = init_,
                  .ids = ids_,
                  .channel = job_.channel.ref(),
                  .image = job_.image,
                  .attached = attached_,
                  .identities = identities_,
                  .cgroup = cgroup_.has_value() ? &*cgroup_ : nullptr};
  child_ = TRY(maker_->start(site));
  job_.channel.reset();  // only the guest holds its end: when it is gone, the host reads the end of the stream
  attached_.clear();
  job_.mounts.clear();
  TRY(maker_->instruct(site, child_));
  if (job_.sweeps && cgroup_.has_value())
    sys::sweep_cgroups(host_.cgroups, kLeftoverAge);  // here, where we would only wait
  auto attestation = TRY(maker_->confirm(site, child_));
  TRY(maker_->begin().context("let the sandbox begin"));
  return attestation;
}

/// Root and scratch come first among the mounts, as the plan wants it. The root is made last, since one that can be
/// written takes us to a mount namespace in which the others could not be copied any more.
Result<> Warden::attach_root_and_scratch() {
  const LaunchRequest& request = job_.request;
  if (is_scratch_on_disk(request, host_)) {
    attached_.insert(attached_.begin(), TRY(make_disk_scratch(request.disk, request.inodes, ids_.uid)));
  }
  if (request.is_writable) attached_.insert(attached_.begin(), TRY(make_build_root(job_.image, job_.build)));
  else if (job_.image.has_value()) attached_.insert(attached_.begin(), TRY(copy_mount(*job_.image)));
  return {};
}

void Warden::serve() {
  std::array<std::byte, 64> buffer;
  while (!end_of_life_.is_over()) {
    std::array<pollfd, 2> events{pollfd{job_.control.get(), POLLIN, 0}, pollfd{child_.pidfd().get(), POLLIN, 0}};
    if (::poll(events.data(), events.size(), end_of_life_.patience()) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (events[1].revents != 0) return;
    // Whoever asks for more time too late gets none: the clock is looked at before the question.
    if (events[0].revents == 0 || end_of_life_.is_over()) continue;
    const auto message = sys::receive_message(job_.control.ref(), buffer);
    if (!message.has_value() || message->size == 0) return;  // the owner is gone
    const auto question = decode_ask({reinterpret_cast<const char*>(buffer.data()), message->size});
    if (!question.has_value() || question->what == Ask::kDestroy) return;
    send_reply(job_.control.ref(), answer(*question));
  }
}

Result<> Warden::act(const AskMessage& question) {
  const bool is_about_stopping = question.what == Ask::kPause || question.what == Ask::kResume;
  if (is_about_stopping && !cgroup_.has_value())
    return Error(Code::kUnsupported, "a sandbox without cgroups cannot be paused");
  switch (question.what) {
    case Ask::kSetLifetime: return end_of_life_.set(question.lifetime);
    case Ask::kPause: return cgroup_->freeze(kFreezeLimit).context("pause");
    case Ask::kResume: return cgroup_->thaw().context("resume");
    case Ask::kStats:
    case Ask::kDestroy: break;
  }
  return {};
}

Answer Warden::answer(const AskMessage& question) {
  Answer answer{.serial = question.serial, .error = {}, .report = {}};
  Result<> done = act(question);
  if (!done.has_value()) answer.error = std::move(done).error();
  if (cgroup_.has_value()) counters_ = cgroup_->counters();
  answer.report = report();
  if (question.what == Ask::kStats && cgroup_.has_value()) {
    const sys::CgroupUse use = cgroup_->use();
    answer.report.usage.cpu = use.cpu;
    answer.report.memory = use.memory;
    answer.report.pids = maker_->pids_of_guest(use.pids);
  }
  return answer;
}

void Warden::take_down() {
  if (child_.is_running()) {
    (void)child_.kill(SIGKILL);  // its pid namespace dies with it; wait() returns when every process in it is gone
    const auto end = child_.wait();
    if (end.has_value()) cpu_ = end->cpu;
  }
  has_expired_ = end_of_life_.is_over();
  if (cgroup_.has_value()) {
    counters_ = cgroup_->counters();
    (void)cgroup_->destroy();  // what stays is swept at the next start
    cgroup_.reset();
  }
}

runtime::CellReport Warden::report() const {
  runtime::CellReport report;
  report.usage.wall = std::chrono::duration_cast<Milliseconds>(Clock::now() - born_);
  report.usage.cpu = cpu_;
  report.usage.peak_memory = counters_.peak_memory;
  report.memory_kills = counters_.memory_kills;
  report.pids_refusals = counters_.pids_refusals;
  report.has_expired = has_expired_;
  return report;
}

}  // namespace

void run_warden(WardenJob job, HostReport host, FdRef init, Makers makers) {
  auto maker = makers(job.request.wall);
  if (maker == nullptr) {
    send_reply(job.control.ref(),
               Failed{Error(Code::kUnsupported, "this brig-launch does not know the wall asked for")});
    return;
  }
  Warden(std::move(job), std::move(host), init, std::move(maker)).run();
}

}  // namespace brig::runtimes::process
