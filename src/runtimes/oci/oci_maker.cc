#include "runtimes/oci/oci_maker.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>

#include "base/text.h"
#include "runtimes/oci/box.h"
#include "runtimes/oci/confirm.h"
#include "runtimes/oci/inside.h"
#include "runtimes/oci/nanny.h"
#include "runtimes/oci/program.h"
#include "runtimes/oci/spec.h"
#include "runtimes/process/attest.h"
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
/// Of what a runtime says, as much is passed on.
constexpr std::size_t kComplaintMax = 2000;

std::vector<std::string> arguments_of(const Program& program, const LaunchRequest& request) {
  std::vector<std::string> arguments{program.name, "--root", std::string(kBundle) + "/state"};
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
  [[nodiscard]] Error failed(std::string_view why, std::optional<int> os_error = {}) const;

  Wall wall_;
  Program program_;
  std::uint32_t zero_ = 0;
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
  zero_ = kFirstZeroId + static_cast<std::uint32_t>(::getpid());
  join_ = static_cast<std::uint32_t>(site.cgroup->join_files().size());
  SpecInput spec{.wall = wall_, .user = site.ids.uid, .zero = zero_, .mounts = &site.request.mounts};
  std::string cgroup_v2;
  if (wall_ != Wall::kRunsc) {
    const std::string own = TRY(site.cgroup->v2_folder());
    cgroup_v2 = site.host.cgroups.freezer;
    spec.cgroup = own.substr(cgroup_v2.size()) + "/" + std::string(sys::kContainerGroup);
    spec.covered = TRY(covered_proc());
  }
  const BoxInput input{.request = site.request,
                       .host = site.host,
                       .system = system,
                       .identities = site.identities,
                       .ids = site.ids,
                       .spec = make_spec(spec),
                       .cgroup_v2 = cgroup_v2};
  box_ = TRY(compile_box(input, join_));
  inside_ = compile_inside(site.request, site.host);
  return {};
}

Result<sys::Child> OciMaker::start(const Site& site) {
  if (!site.host.is_root) return Error(Code::kUnsupported, std::string(program_name(wall_)) + " is run by root only");
  if (site.cgroup == nullptr)
    return Error(Code::kUnsupported, std::string(program_name(wall_)) + " needs cgroups: " + site.host.cgroups.why_not);
  program_ = TRY(find_program(program_name(wall_)));
  TRY(compile(site));
  auto [talk, their_talk] = TRY(sys::stream_pair());
  TRY(sys::name_senders(talk.ref()));  // and so the kernel says which process has become the sandbox
  auto [complaints, their_complaints] = TRY(process::make_pipe());
  NannyJob job{.talk = their_talk.ref(),
               .channel = site.channel,
               .complaints = their_complaints.ref(),
               .slots = {},
               .program = program_.file.ref(),
               .arguments = arguments_of(program_, site.request),
               .plan = TRY(process::encode(box_))};
  for (const Fd& file : site.cgroup->join_files()) job.slots.push_back(file.ref());
  job.slots.push_back(site.init);
  for (const Fd& mount : site.attached) job.slots.push_back(mount.ref());
  // gVisor's programs talk over abstract sockets: in the host's network namespace anybody could knock there.
  const std::uint64_t network = wall_ == Wall::kRunsc ? CLONE_NEWNET : 0;
  auto child = TRY(sys::clone(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | network, site.cgroup->clone_target()));
  if (!child.has_value()) run_nanny(job);
  talk_ = std::move(talk);
  complaints_ = std::move(complaints);
  return *std::move(child);
}

Result<> OciMaker::instruct(const Site& /*site*/, const sys::Child& /*child*/) {
  return sys::write_all(talk_.ref(), TRY(process::framed(inside_))).context("send the plan");
}

/// With what the runtime itself has said, which is somebody else's text.
Error OciMaker::failed(std::string_view why, std::optional<int> os_error) const {
  std::array<char, kComplaintMax> buffer;
  (void)sys::set_nonblocking(complaints_.ref(), true);
  const ssize_t count = ::read(complaints_.get(), buffer.data(), buffer.size());
  std::string text = program_.path + " " + std::string(why);
  if (count > 0) {
    std::string_view said(buffer.data(), static_cast<std::size_t>(count));
    while (said.ends_with('\n')) said.remove_suffix(1);
    text += "; it said \"" + printable(said, kComplaintMax) + "\"";
  }
  return os_error.has_value() ? Error::system(*os_error, text) : Error(Code::kUnavailable, text);
}

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
  if (from == child.pid()) {
    if (report.step == kRuntimeFailed) {
      const std::string how = report.os_error < 0 ? "signal " + std::to_string(-report.os_error)
                                                  : "exit code " + std::to_string(report.os_error);
      return failed("could not make the sandbox (" + how + ")");
    }
    if (report.step == kRuntimeNotStarted) return failed("could not be started", report.os_error);
    TRY(process::judge_report(report, box_).context("build the box of " + program_.name));
    return Error(Code::kInternal, "the nanny said nothing of use");
  }
  TRY(process::judge_report(report, inside_));
  const sys::CgroupLimits asked = limits(site.request);
  TRY(site.cgroup->set_limits(asked).context("take back what the runtime could use to make the sandbox"));
  auto outside = TRY(process::read_outside(asked, site.host, site.cgroup));
  const Made made{.wall = wall_,
                  .pid = from,
                  .nanny = child.pid(),
                  .user = site.ids.uid,
                  .zero = zero_,
                  .image = site.request.image,
                  .landlock_rules = process::landlock_rule_count(inside_)};
  return confirm_container(made, site.host, std::move(outside));
}

}  // namespace

std::unique_ptr<Maker> maker_of(Wall wall) {
  if (wall == Wall::kProcess) return process::process_maker(wall);
  return std::make_unique<OciMaker>(wall);
}

}  // namespace brig::runtimes::oci
