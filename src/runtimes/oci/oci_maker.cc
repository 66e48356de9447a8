#include "runtimes/oci/oci_maker.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include "runtimes/oci/box.h"
#include "runtimes/oci/confirm.h"
#include "runtimes/oci/inside.h"
#include "runtimes/oci/nanny.h"
#include "runtimes/oci/program.h"
#include "runtimes/oci/spec.h"
#include "runtimes/oci/told.h"
#include "runtimes/process/attest.h"
#include "runtimes/process/covered_proc.h"
#include "sys/file.h"
#include "sys/seqpacket.h"

namespace brig::runtimes::oci {
namespace {

using process::JailPlan;
using process::LaunchRequest;
using process::Maker;
using process::PlanReport;
using process::Site;

/// How long a runtime may take to make a sandbox before it counts as hanging: less than whoever asks waits (ten
/// seconds), so that they hear why.
constexpr Milliseconds kPatience{8'000};
/// What a runtime's own processes may use while they make a sandbox; taken back before the guest begins.
constexpr Bytes kMakingMemory = mebibytes(256);
constexpr std::uint32_t kMakingPids = 256;

std::vector<std::string> arguments_of(const Program& program, const LaunchRequest& request, bool is_rootless) {
  std::vector<std::string> arguments{program.name, "--root", std::string(kBundle) + "/state"};
  // The nanny is in the sandbox's group, if it has one, and without root there is no other to be made.
  if (program.name == kCrun && is_rootless) arguments.emplace_back("--cgroup-manager=disabled");
  if (request.wall == Wall::kRunsc) {
    // The nanny is in the group already, and what it starts with it. Only we change the files that the sandbox sees.
    for (const char* flag : {"--ignore-cgroups", "--network=none", "--file-access-mounts=exclusive"})
      arguments.emplace_back(flag);
  }
  for (const char* word : {"run", "--detach", "--bundle", "/box", "--pid-file", "/box/pid"})
    arguments.emplace_back(word);
  arguments.push_back(request.id);
  return arguments;
}

/// What runc wants to see of cgroups although it may make none: a hierarchy of v2, else those of v1.
std::string cgroups_to_see() {
  for (const char* path : {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"}) {
    struct statfs info = {};
    if (::statfs(path, &info) == 0 && info.f_type == CGROUP2_SUPER_MAGIC) return path;
  }
  return "/sys/fs/cgroup";
}

/// Makes us uid 0 of the nanny's user namespace: the only id that may be mapped without root.
Result<> map_ids(const Site& site, const sys::Child& child) {
  const std::string proc = "/proc/" + std::to_string(child.pid());
  TRY(sys::write_file(proc + "/setgroups", "deny").context("map the group"));
  TRY(sys::write_file(proc + "/uid_map", "0 " + std::to_string(site.ids.uid) + " 1").context("map the user"));
  return sys::write_file(proc + "/gid_map", "0 " + std::to_string(site.ids.gid) + " 1").context("map the group");
}

/// In the child: nothing can be made by ids that are not mapped yet. Whoever maps them closes the pipe.
void await_ids(FdRef mapped) {
  char nothing = 0;
  while (::read(mapped.get(), &nothing, 1) < 0 && errno == EINTR) {
  }
}

class OciMaker final : public Maker {
 public:
  explicit OciMaker(Wall wall) : wall_(wall) {}

  [[nodiscard]] sys::CgroupLimits making_limits(const LaunchRequest& request) const override {
    sys::CgroupLimits wide = limits(request);
    wide.memory.count += kMakingMemory.count;
    wide.pids += kMakingPids;
    return wide;
  }
  [[nodiscard]] sys::CgroupLimits limits(const LaunchRequest& request) const override {
    sys::CgroupLimits asked = process::asked_limits(request);
    asked.pids += 1;  // the nanny
    if (wall_ == Wall::kRunsc) {
      // gVisor's threads are not the guest's: those it counts itself (RLIMIT_NPROC inside).
      asked.memory.count += kSentryMemory.count;
      asked.pids = asked.pids * 4 + kMakingPids;
    }
    return asked;
  }
  [[nodiscard]] std::uint64_t pids_of_guest(std::uint64_t counted) const override {
    if (wall_ == Wall::kRunsc) return 0;  // gVisor's threads; how many of them are the guest's nobody outside knows
    return counted - std::min<std::uint64_t>(counted, 2);  // the nanny and the agent
  }

  Result<sys::Child> start(const Site& site) override;
  Result<> instruct(const Site& site, const sys::Child& child) override;
  Result<runtime::Attestation> confirm(const Site& site, const sys::Child& child) override;
  Result<> begin() override {
    TRY(sys::write_all(talk_.ref(), "g"));
    talk_.reset();
    complaints_.reset();
    return {};
  }

 private:
  Result<> compile(const Site& site);
  Result<PlanReport> await_report(const sys::Child& child, pid_t& from);
  [[nodiscard]] std::string said() const;  ///< by the runtime, so far
  [[nodiscard]] Error failed(std::string_view why) const;

  Wall wall_;
  Program program_;
  std::optional<std::uint32_t> zero_;
  std::uint32_t join_ = 0;  ///< files of groups that the nanny writes to
  JailPlan box_;
  JailPlan inside_;
  Fd talk_;
  Fd complaints_;
};

/// Everything that can be thought of before there is a process.
Result<> OciMaker::compile(const Site& site) {
  process::add_files(site.host);
  const auto system = site.host.root_entries;
  if (site.image.has_value()) site.host.root_entries = TRY(process::top_of_image(site.image->mount));
  const bool is_rootless = !site.host.is_root;
  if (!is_rootless) zero_ = kFirstZeroId + static_cast<std::uint32_t>(::getpid());
  join_ = site.cgroup == nullptr ? 0 : static_cast<std::uint32_t>(site.cgroup->join_files().size());
  SpecInput spec{.wall = wall_,
                 .is_crun = program_.name == kCrun,
                 .is_rootless = is_rootless,
                 .user = site.ids.uid,
                 .zero = zero_.value_or(0),
                 .mounts = &site.request.mounts};
  std::string cgroups;
  if (wall_ != Wall::kRunsc) spec.covered = TRY(process::covered_proc());
  if (wall_ != Wall::kRunsc && is_rootless) {
    if (!spec.is_crun) cgroups = cgroups_to_see();
  } else if (wall_ != Wall::kRunsc) {
    const std::string own = TRY(site.cgroup->v2_folder());
    cgroups = site.host.cgroups.freezer;
    spec.cgroup = own.substr(cgroups.size()) + "/" + std::string(sys::kContainerGroup);
  }
  const BoxInput input{.request = site.request,
                       .host = site.host,
                       .system = system,
                       .identities = site.identities,
                       .ids = is_rootless ? process::OutsideIds{} : site.ids,
                       .spec = TRY(make_spec(spec)),
                       .cgroups = cgroups};
  box_ = TRY(compile_box(input, join_));
  inside_ = compile_inside(site.request, site.host);
  return {};
}

Result<sys::Child> OciMaker::start(const Site& site) {
  const bool is_rootless = !site.host.is_root;
  if (is_rootless && wall_ == Wall::kRunsc) return Error(Code::kUnsupported, "runsc is run by root only");
  program_ = TRY(find_runtime(wall_));
  if (!is_rootless && site.cgroup == nullptr)
    return Error(Code::kUnsupported, program_.name + " needs cgroups: " + site.host.cgroups.why_not);
  TRY(compile(site));
  auto [talk, their_talk] = TRY(sys::stream_pair());
  TRY(sys::name_senders(talk.ref()));  // and so the kernel says which process has become the sandbox
  auto [complaints, their_complaints] = TRY(process::make_pipe());
  NannyJob job{.talk = their_talk.ref(),
               .channel = site.channel,
               .complaints = their_complaints.ref(),
               .slots = {},
               .program = program_.file.ref(),
               .arguments = arguments_of(program_, site.request, is_rootless),
               .plan = TRY(process::encode(box_))};
  FdRef born_into;
  if (site.cgroup != nullptr) {
    for (const Fd& file : site.cgroup->join_files()) job.slots.push_back(file.ref());
    born_into = site.cgroup->clone_target();
  }
  job.slots.push_back(site.init);
  for (const Fd& mount : site.attached) job.slots.push_back(mount.ref());
  // gVisor's programs talk over abstract sockets: in the host's network namespace anybody could knock there.
  const std::uint64_t network = wall_ == Wall::kRunsc ? CLONE_NEWNET : 0;
  const std::uint64_t user = is_rootless ? CLONE_NEWUSER : 0;
  auto [mapped, their_mapped] = TRY(process::make_pipe());
  auto child = TRY(sys::clone(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | network | user, born_into));
  if (!child.has_value()) {
    their_mapped.reset();
    if (is_rootless) await_ids(mapped.ref());
    run_nanny(job);
  }
  if (is_rootless) TRY(map_ids(site, *child));
  talk_ = std::move(talk);
  complaints_ = std::move(complaints);
  return *std::move(child);
}

Result<> OciMaker::instruct(const Site& /*site*/, const sys::Child& /*child*/) {
  auto sent = sys::write_all(talk_.ref(), TRY(process::framed(inside_)));
  // A nanny that has given up already has said why: confirm() reads it.
  const bool is_gone = !sent.has_value() && (sent.error().os_error() == EPIPE || sent.error().os_error() == ECONNRESET);
  return is_gone ? Result<>() : std::move(sent).context("send the plan");
}

std::string OciMaker::said() const {
  std::string text(kComplaintMax, '\0');
  (void)sys::set_nonblocking(complaints_.ref(), true);
  const ssize_t count = ::read(complaints_.get(), text.data(), text.size());
  text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return text;
}

Error OciMaker::failed(std::string_view why) const { return complaint(program_.path, why, said()); }

Result<PlanReport> OciMaker::await_report(const sys::Child& child, pid_t& from) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (true) {
    const auto left = std::chrono::duration_cast<Milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      Error slow = failed("did not make the sandbox within " + std::to_string(kPatience.count() / 1000) + " seconds");
      return Error(Code::kDeadline, slow.message());
    }
    std::array<pollfd, 2> events{pollfd{talk_.get(), POLLIN, 0}, pollfd{child.pidfd().get(), POLLIN, 0}};
    if (::poll(events.data(), events.size(), static_cast<int>(left.count())) < 0 && errno != EINTR)
      return Error::last_system("wait for the runtime");
    if (events[0].revents == 0 && events[1].revents == 0) continue;
    PlanReport report;
    auto message = TRY(sys::receive_message(talk_.ref(), std::as_writable_bytes(std::span(&report, 1))));
    if (message.size != sizeof report || !message.sender.has_value())
      return failed("ended before the sandbox could say what it has become");
    from = message.sender->pid;
    return report;
  }
}

Result<runtime::Attestation> OciMaker::confirm(const Site& site, const sys::Child& child) {
  pid_t from = 0;
  const PlanReport report = TRY(await_report(child, from));
  if (from == child.pid()) return judge_nanny(report, box_, program_.path, said());
  TRY(process::judge_report(report, inside_));
  const sys::CgroupLimits asked = limits(site.request);
  if (site.cgroup != nullptr)
    TRY(site.cgroup->set_limits(asked).context("take back what the runtime could use to make the sandbox"));
  auto outside = TRY(process::read_outside(asked, site.host, site.cgroup));
  const Made made{.wall = wall_,
                  .pid = from,
                  .nanny = child.pid(),
                  .ids = site.ids,
                  .zero = zero_,
                  .image = site.request.image,
                  .format = std::string(site.image ? process::image_format(site.image->mount) : ""),
                  .landlock_rules = process::landlock_rule_count(inside_)};
  return confirm_container(made, site.host, std::move(outside));
}

}  // namespace

std::unique_ptr<Maker> maker_of(Wall wall) {
  if (wall == Wall::kProcess) return process::process_maker(wall);
  return std::make_unique<OciMaker>(wall);
}

}  // namespace brig::runtimes::oci
