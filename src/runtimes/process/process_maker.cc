#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/check.h"
#include "runtimes/process/attest.h"
#include "runtimes/process/maker.h"
#include "runtimes/process/plan_wire.h"
#include "sys/file.h"

namespace brig::runtimes::process {

Result<std::pair<Fd, Fd>> make_pipe() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) < 0) return Error::last_system("make a pipe");
  return std::pair(Fd(ends[0]), Fd(ends[1]));
}

Result<std::string> framed(const JailPlan& plan) {
  const std::string bytes = TRY(encode(plan));
  const auto size = static_cast<std::uint32_t>(bytes.size());
  return std::string(reinterpret_cast<const char*>(&size), sizeof size) + bytes;
}

Result<> judge_report(const PlanReport& report, const JailPlan& plan) {
  if (report.step == kPlanDone) return {};
  if (report.step == kNoNetworkNamespace) return Error::system(report.os_error, "make a network namespace");
  if (report.step == kIdentityUnchanged) return Error::system(report.os_error, "become the user inside");
  if (report.step >= plan.steps.size()) return Error::system(report.os_error, "brig-init could not read its plan");
  return Error::system(report.os_error,
                       "step " + std::to_string(report.step + 1) + " (" + describe(plan.steps[report.step]) + ")");
}

Result<std::vector<std::uint32_t>> remaining_groups(const HostReport& host) {
  std::vector<std::uint32_t> groups;
  if (host.is_root) return groups;
  const int count = ::getgroups(0, nullptr);
  if (count < 0) return Error::last_system("count the supplementary groups");
  groups.resize(static_cast<std::size_t>(count));
  if (::getgroups(count, groups.data()) != count) return Error::last_system("read the supplementary groups");
  return groups;
}

namespace {

/// In the child, before exec: keeps its new namespace's capabilities over the exec of a program without file
/// capabilities: what the plan's steps need (mounts and hostname, ids, loopback, limits of the namespace, and giving up
/// the rest), and what they leave to a builder.
bool keep_capabilities(bool is_builder) {
  constexpr std::uint64_t kOfSteps = (1ULL << CAP_SYS_ADMIN) | (1ULL << CAP_SETUID) | (1ULL << CAP_SETGID) |
                                     (1ULL << CAP_NET_ADMIN) | (1ULL << CAP_SYS_RESOURCE) | (1ULL << CAP_SETPCAP);
  const std::uint64_t kept = kOfSteps | (is_builder ? kBuilderCapabilities : 0);
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct sets[2] = {};
  if (::syscall(SYS_capget, &header, sets) < 0) return false;
  sets[0].inheritable = sets[0].permitted;
  sets[1].inheritable = sets[1].permitted;
  if (::syscall(SYS_capset, &header, sets) < 0) return false;
  for (unsigned long capability = 0; capability <= CAP_LAST_CAP; ++capability) {
    const bool is_kept = (kept >> capability & 1U) != 0;
    if (is_kept && ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0) return false;
  }
  return true;
}

/// In the child: becomes brig-init with exactly these descriptors. Returns only on failure.
void become_init(FdRef init, std::span<const sys::Inherited> fds, bool is_builder) {
  // From the first moment, not only once brig-init runs: until then it does not read the pipe that would tell it of our
  // end.
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) return;
  constexpr int kProgramFd = 190;  // out of the way of the numbers that are about to be used; gone after the exec
  if (::dup3(init.get(), kProgramFd, O_CLOEXEC) < 0) return;
  sys::reset_signals();  // what brig or its caller ignores (nohup, a script's trap) must not stay ignored inside
  if (!keep_capabilities(is_builder) || !sys::place_descriptors(fds)) return;
  static char name[] = "brig-init";
  char* const arguments[] = {name, nullptr};
  char* const environment[] = {nullptr};
  ::syscall(SYS_execveat, kProgramFd, "", arguments, environment, AT_EMPTY_PATH);
}

/// For root: makes the sandbox's own id the owner of the user namespace that is cloned meanwhile, so that what the
/// kernel counts for a namespace (instances of inotify, namespaces …) is not counted for root as well. Capabilities
/// stay.
class OwnerOfNamespace {
 public:
  static Result<OwnerOfNamespace> take(const HostReport& host, std::uint32_t uid) {
    if (!host.is_root) return OwnerOfNamespace(false);
    if (::prctl(PR_SET_SECUREBITS, kKeepCapabilities, 0, 0, 0) < 0) return Error::last_system("keep capabilities");
    if (::setresuid(uid, uid, 0) < 0) return Error::last_system("become the sandbox's user");
    return OwnerOfNamespace(true);
  }
  OwnerOfNamespace(OwnerOfNamespace&& other) noexcept : is_taken_(std::exchange(other.is_taken_, false)) {}
  OwnerOfNamespace& operator=(OwnerOfNamespace&&) = delete;
  OwnerOfNamespace(const OwnerOfNamespace&) = delete;
  OwnerOfNamespace& operator=(const OwnerOfNamespace&) = delete;
  ~OwnerOfNamespace() {
    if (is_taken_) BRIG_CHECK(::setresuid(0, 0, 0) == 0, "the warden cannot become root again");
  }
  /// In the child: it is the owner, and stays it.
  void keep() { is_taken_ = false; }

 private:
  /// SECBIT_NO_SETUID_FIXUP of linux/securebits.h. A new user namespace begins with none.
  static constexpr unsigned long kKeepCapabilities = 1UL << 2U;
  explicit OwnerOfNamespace(bool is_taken) : is_taken_(is_taken) {}
  bool is_taken_;
};

class ProcessMaker final : public Maker {
 public:
  [[nodiscard]] std::uint64_t pids_of_guest(std::uint64_t counted) const override {
    return counted - std::min<std::uint64_t>(counted, 1);  // the agent is not the guest's
  }
  Result<sys::Child> start(const Site& site) override;
  Result<> instruct(const Site& site, const sys::Child& child) override;
  Result<runtime::Attestation> confirm(const Site& site, const sys::Child& child) override;
  Result<> begin() override {
    TRY(sys::write_all(plan_pipe_.ref(), "g"));
    plan_pipe_.reset();
    return {};
  }

 private:
  Result<> await_plan();

  Fd plan_pipe_;
  Fd report_pipe_;
  JailPlan plan_;
};

Result<sys::Child> ProcessMaker::start(const Site& site) {
  auto [plan_read, plan_write] = TRY(make_pipe());
  auto [report_read, report_write] = TRY(make_pipe());
  const Fd null = TRY(sys::open("/dev/null", O_RDWR));
  std::vector<sys::Inherited> fds{{null.ref(), 0},
                                  {null.ref(), 1},
                                  {null.ref(), 2},
                                  {site.channel, kChannelFd},
                                  {plan_read.ref(), kPlanFd},
                                  {report_write.ref(), kReportFd}};
  int slot = kFirstSlot;
  FdRef born_into;
  if (site.cgroup != nullptr) {
    for (const Fd& file : site.cgroup->join_files()) fds.push_back({file.ref(), slot++});
    born_into = site.cgroup->clone_target();
  }
  for (const Fd& mount : site.attached) fds.push_back({mount.ref(), slot++});

  // The network namespace takes the kernel three times as long as the others together: the child makes it itself, while
  // we compile its plan.
  constexpr std::uint64_t kNamespaces = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;
  auto owner = std::optional(TRY(OwnerOfNamespace::take(site.host, site.ids.uid)));
  auto child = TRY(sys::clone(kNamespaces, born_into));
  if (!child.has_value()) owner->keep();
  owner.reset();
  if (!child.has_value()) {
    if (::unshare(CLONE_NEWNET) == 0) {
      become_init(site.init, fds, site.request.is_writable);
      ::_exit(71);
    }
    const PlanReport failed{.step = kNoNetworkNamespace, .os_error = errno};
    (void)!::write(report_write.get(), &failed, sizeof failed);
    ::_exit(71);
  }
  plan_pipe_ = std::move(plan_write);
  report_pipe_ = std::move(report_read);
  return *std::move(child);
}

Result<> map_ids(const Site& site, const sys::Child& child) {
  const std::string proc = "/proc/" + std::to_string(child.pid());
  if (site.request.is_writable) {
    const std::string range = "0 " + std::to_string(kFirstBuilderId) + " " + std::to_string(kBuilderIds);
    TRY(sys::write_file(proc + "/uid_map", range).context("map the builder's users"));
    return sys::write_file(proc + "/gid_map", range).context("map the builder's groups");
  }
  const auto line = [](std::uint32_t inside, std::uint32_t outside) {
    return std::to_string(inside) + " " + std::to_string(outside) + " 1";
  };
  // Without root the kernel wants setgroups denied before a group may be mapped (user_namespaces(7)).
  TRY(sys::write_file(proc + "/setgroups", "deny").context("map the group"));
  TRY(sys::write_file(proc + "/uid_map", line(kInsideUid, site.ids.uid)).context("map the user"));
  TRY(sys::write_file(proc + "/gid_map", line(kInsideGid, site.ids.gid)).context("map the group"));
  return {};
}

Result<> ProcessMaker::instruct(const Site& site, const sys::Child& child) {
  TRY(map_ids(site, child));
  add_files(site.host);
  if (site.image.has_value() && !site.request.is_writable)
    site.host.root_entries = TRY(top_of_image(site.image->mount));
  plan_ = TRY(compile(site.request, site.host, site.identities));
  return sys::write_all(plan_pipe_.ref(), TRY(framed(plan_))).context("send the plan");
}

Result<> ProcessMaker::await_plan() {
  PlanReport done;
  const ssize_t count = ::read(report_pipe_.get(), &done, sizeof done);
  if (count != static_cast<ssize_t>(sizeof done))
    return Error(Code::kInternal, "brig-init ended before it could say why");
  return judge_report(done, plan_);
}

Result<runtime::Attestation> ProcessMaker::confirm(const Site& site, const sys::Child& child) {
  Outside outside = TRY(read_outside(limits(site.request), site.host, site.cgroup));
  TRY(await_plan());
  const Expectation expectation{.outside_uid = site.ids.uid,
                                .outside_gid = site.ids.gid,
                                .groups = TRY(remaining_groups(site.host)),
                                .landlock_rules = landlock_rule_count(plan_),
                                .image = site.request.image,
                                .format = std::string(site.image ? image_format(site.image->mount) : ""),
                                .is_builder = site.request.is_writable};
  return attest(child.pid(), site.host, std::move(outside), expectation);
}

}  // namespace

std::unique_ptr<Maker> process_maker(Wall wall) {
  return wall == Wall::kProcess ? std::make_unique<ProcessMaker>() : nullptr;
}

}  // namespace brig::runtimes::process
