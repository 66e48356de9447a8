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
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <optional>

#include "runtimes/process/attest.h"
#include "runtimes/process/compile.h"
#include "runtimes/process/idmap.h"
#include "runtimes/process/plan_wire.h"
#include "sys/file.h"
#include "sys/process.h"
#include "sys/seqpacket.h"

namespace brig::runtimes::process {
namespace {

using Clock = std::chrono::steady_clock;

/// How long after the lifetime the kernel ends what the polite way should have ended.
constexpr Milliseconds kGrace{1000};

/// A group without processes for that long was left by a warden that was killed together with its owner.
constexpr Milliseconds kLeftoverAge{10'000};

void send_reply(FdRef control, const Reply& reply) {
  // If the owner is gone there is nobody to tell; the caller goes on to take the sandbox down.
  const std::string bytes = encode(reply);
  (void)sys::send_message(control, std::as_bytes(std::span(bytes)));
}

/// Ends this process (SIGKILL, which works also while it is stopped) after `lifetime`.
Result<> arm_end_of_life(Milliseconds lifetime) {
  if (lifetime.count() == 0) return {};
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGKILL;
  timer_t timer = nullptr;
  if (::timer_create(CLOCK_BOOTTIME, &event, &timer) < 0) return Error::last_system("create the end-of-life timer");
  const Milliseconds total = lifetime + kGrace;
  itimerspec when{};
  when.it_value.tv_sec = total.count() / 1000;
  when.it_value.tv_nsec = total.count() % 1000 * 1'000'000;
  if (::timer_settime(timer, 0, &when, nullptr) < 0) return Error::last_system("arm the end-of-life timer");
  return {};
}

/// A pipe, both ends close-on-exec.
Result<std::pair<Fd, Fd>> make_pipe() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) < 0) return Error::last_system("make a pipe");
  return std::pair(Fd(ends[0]), Fd(ends[1]));
}

/// In the child, before exec: keeps its new namespace's capabilities over the exec of a program without file
/// capabilities.
bool keep_capabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[2] = {};
  if (::syscall(SYS_capget, &header, sets) < 0) return false;
  sets[0].inheritable = sets[0].permitted;
  sets[1].inheritable = sets[1].permitted;
  if (::syscall(SYS_capset, &header, sets) < 0) return false;
  // What the plan's steps need: mounts and hostname, ids, loopback, and giving up the rest.
  for (int capability : {CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID, CAP_NET_ADMIN, CAP_SETPCAP}) {
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, static_cast<unsigned long>(capability), 0, 0) < 0) return false;
  }
  return true;
}

/// In the child: becomes brig-init with exactly these descriptors. Returns only on failure.
void become_init(FdRef init, std::span<const sys::Inherited> fds) {
  // From the first moment, not only once brig-init runs: until then it does not read the pipe that would tell it of our
  // end.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) return;
  constexpr int kProgramFd = 190;  // out of the way of the numbers that are about to be used; gone after the exec
  if (::dup3(init.get(), kProgramFd, O_CLOEXEC) < 0) return;
  sys::reset_signals();  // what brig or its caller ignores (nohup, a script's trap) must not stay ignored inside
  if (!keep_capabilities() || !sys::place_descriptors(fds)) return;
  static char name[] = "brig-init";
  char* const arguments[] = {name, nullptr};
  char* const environment[] = {nullptr};
  ::syscall(SYS_execveat, kProgramFd, "", arguments, environment, AT_EMPTY_PATH);
}

/// Who a sandbox's user is outside. Made in its warden, whose pid makes root's ids unique.
struct OutsideIds {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

OutsideIds outside_ids(const HostReport& host) {
  if (!host.is_root) return {.uid = host.uid, .gid = host.gid};
  const std::uint32_t own = kFirstOutsideId + static_cast<std::uint32_t>(::getpid());
  return {.uid = own, .gid = own};
}

class Warden {
 public:
  Warden(WardenJob job, HostReport host, FdRef init) : job_(std::move(job)), host_(std::move(host)), init_(init) {}

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
  Result<> start_init();
  Result<> map_ids() const;
  Result<> send_plan();
  Result<> await_plan();
  void serve();
  void take_down();
  [[nodiscard]] runtime::CellReport report() const;

  WardenJob job_;
  HostReport host_;
  OutsideIds ids_ = outside_ids(host_);
  FdRef init_;
  Clock::time_point born_ = Clock::now();
  std::optional<sys::Cgroup> cgroup_;
  std::vector<Fd> attached_;  ///< mounts made by us (root)
  std::vector<MountIdentity> identities_;
  sys::Child child_;
  Fd plan_pipe_;
  Fd report_pipe_;
  JailPlan plan_;
  Milliseconds cpu_{0};
  sys::CgroupCounters counters_;
  bool has_expired_ = false;
};

Result<runtime::Attestation> Warden::build() {
  TRY(arm_end_of_life(job_.request.lifetime));
  if (host_.cgroups.has_all()) {
    const sys::CgroupLimits limits{
        .memory = job_.request.memory, .pids = job_.request.pids, .cpu_millis = job_.request.cpu_millis};
    cgroup_ = TRY(sys::Cgroup::create(host_.cgroups, job_.request.id, limits));
  }
  for (std::size_t i = 0; i < job_.mounts.size(); ++i) {
    const LaunchMount& mount = job_.request.mounts[i];
    if (host_.is_root) {
      attached_.push_back(
          TRY(make_mount(job_.mounts[i].ref(), mount, ids_.uid).context("show " + mount.host + " inside")));
    } else {
      struct stat info = {};
      if (::fstat(job_.mounts[i].get(), &info) < 0) return Error::last_system("look at " + mount.host);
      identities_.push_back({.device = info.st_dev, .inode = info.st_ino});
    }
  }
  TRY(start_init());
  TRY(map_ids());
  add_files(host_);
  TRY(send_plan());
  if (cgroup_.has_value()) sys::sweep_cgroups(host_.cgroups, kLeftoverAge);  // here, where we would only wait
  TRY(await_plan());
  const Expectation expectation{.outside_uid = ids_.uid, .landlock_rules = landlock_rule_count(plan_)};
  auto attestation =
      TRY(attest(child_.pid(), job_.request, host_, cgroup_.has_value() ? &*cgroup_ : nullptr, expectation));
  TRY(sys::write_all(plan_pipe_.ref(), "g").context("let the sandbox begin"));
  plan_pipe_.reset();
  return attestation;
}

Result<> Warden::start_init() {
  auto [plan_read, plan_write] = TRY(make_pipe());
  auto [report_read, report_write] = TRY(make_pipe());
  const Fd null = TRY(sys::open("/dev/null", O_RDWR));
  std::vector<sys::Inherited> fds{{null.ref(), 0},
                                  {null.ref(), 1},
                                  {null.ref(), 2},
                                  {job_.channel.ref(), kChannelFd},
                                  {plan_read.ref(), kPlanFd},
                                  {report_write.ref(), kReportFd}};
  int slot = kFirstSlot;
  FdRef born_into;
  if (cgroup_.has_value()) {
    for (const Fd& file : cgroup_->join_files()) fds.push_back({file.ref(), slot++});
    born_into = cgroup_->clone_target();
  }
  for (const Fd& mount : attached_) fds.push_back({mount.ref(), slot++});

  constexpr std::uint64_t kNamespaces =
      CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
  auto child = TRY(sys::clone(kNamespaces, born_into));
  if (!child.has_value()) {
    become_init(init_, fds);
    ::_exit(71);
  }
  child_ = *std::move(child);
  plan_pipe_ = std::move(plan_write);
  report_pipe_ = std::move(report_read);
  job_.channel.reset();  // only the guest holds its end: when it is gone, the host reads the end of the stream
  attached_.clear();
  job_.mounts.clear();
  return {};
}

Result<> Warden::map_ids() const {
  const std::string proc = "/proc/" + std::to_string(child_.pid());
  const auto line = [](std::uint32_t inside, std::uint32_t outside) {
    return std::to_string(inside) + " " + std::to_string(outside) + " 1";
  };
  // Without root the kernel wants setgroups denied before a group may be mapped (user_namespaces(7)).
  TRY(sys::write_file(proc + "/setgroups", "deny").context("map the group"));
  TRY(sys::write_file(proc + "/uid_map", line(kInsideUid, ids_.uid)).context("map the user"));
  TRY(sys::write_file(proc + "/gid_map", line(kInsideGid, ids_.gid)).context("map the group"));
  return {};
}

Result<> Warden::send_plan() {
  plan_ = TRY(compile(job_.request, host_, identities_));
  const std::string bytes = TRY(encode(plan_));
  const auto size = static_cast<std::uint32_t>(bytes.size());
  std::string message(reinterpret_cast<const char*>(&size), sizeof size);
  message += bytes;
  return sys::write_all(plan_pipe_.ref(), message).context("send the plan");
}

Result<> Warden::await_plan() {
  PlanReport done;
  const ssize_t count = ::read(report_pipe_.get(), &done, sizeof done);
  if (count != static_cast<ssize_t>(sizeof done)) {
    return Error(Code::kInternal, "brig-init ended before it could say why");
  }
  if (done.step == kPlanDone) return {};
  if (done.step >= plan_.steps.size()) return Error::system(done.os_error, "brig-init could not read its plan");
  return Error::system(done.os_error,
                       "step " + std::to_string(done.step + 1) + " (" + describe(plan_.steps[done.step]) + ")");
}

void Warden::serve() {
  std::array<std::byte, 16> buffer;
  while (true) {
    std::array<pollfd, 2> events{pollfd{job_.control.get(), POLLIN, 0}, pollfd{child_.pidfd().get(), POLLIN, 0}};
    if (::poll(events.data(), events.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (events[1].revents != 0) return;
    if (events[0].revents == 0) continue;
    const auto message = sys::receive_message(job_.control.ref(), buffer);
    if (!message.has_value() || message->size != 1) return;  // the owner is gone, or talks nonsense
    const auto ask = static_cast<Ask>(buffer[0]);
    if (ask == Ask::kDestroy) return;
    if (ask == Ask::kStats) {
      if (cgroup_.has_value()) counters_ = cgroup_->counters();
      send_reply(job_.control.ref(), Stats{report()});
    }
  }
}

void Warden::take_down() {
  if (child_.is_running()) {
    (void)child_.kill(SIGKILL);  // its pid namespace dies with it; wait() returns when every process in it is gone
    const auto end = child_.wait();
    if (end.has_value()) cpu_ = end->cpu;
  }
  const Milliseconds lived = std::chrono::duration_cast<Milliseconds>(Clock::now() - born_);
  has_expired_ = job_.request.lifetime.count() > 0 && lived >= job_.request.lifetime;
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

void run_warden(WardenJob job, HostReport host, FdRef init) { Warden(std::move(job), std::move(host), init).run(); }

}  // namespace brig::runtimes::process
