#include "runtimes/engine/container.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <utility>

#include "runtimes/engine/body.h"
#include "runtimes/engine/confirm.h"
#include "runtimes/engine/keeper_name.h"
#include "runtimes/engine/relay.h"
#include "runtimes/engine/scratch.h"
#include "runtimes/engine/tree.h"
#include "runtimes/process/compile.h"
#include "runtimes/process/covered_proc.h"
#include "runtimes/process/maker.h"
#include "sys/file.h"

namespace brig::runtimes::engine {
namespace {

using process::JailPlan;
using process::PlanReport;
using Clock = std::chrono::steady_clock;

/// From its start to brig-init's report.
constexpr Milliseconds kPlanLimit{10'000};
/// Of all processes of a sandbox, once the first was killed.
constexpr Milliseconds kDeathLimit{2'000};
/// From its end to the engine's having forgotten it.
constexpr Milliseconds kRemovalLimit{10'000};

void pause_for(Milliseconds time) {
  const timespec pause{.tv_sec = 0, .tv_nsec = time.count() * 1'000'000};
  ::nanosleep(&pause, nullptr);
}

/// The engine limits memory, processes and processors: the plan is for a sandbox whose groups do. What can be written
/// lies in memory.
process::HostReport seen_from_inside(process::HostReport host) {
  host.cgroups.memory = host.cgroups.pids = host.cgroups.cpu = "/";
  host.has_disk_scratch = false;
  return host;
}

/// Its user is one of this machine's, of all sandboxes of engines: a limit of that user's processes would be theirs
/// together. The group counts this sandbox's alone.
JailPlan compile_inside(const process::LaunchRequest& request, const process::HostReport& host) {
  JailPlan plan = process::compile_confinement(request, host);
  std::erase_if(plan.steps, [](const process::Step& step) {
    const auto* limit = std::get_if<process::SetLimit>(&step);
    return limit != nullptr && limit->resource == RLIMIT_NPROC;
  });
  return plan;
}

/// All of it, from a socket that blocks or not.
Result<PlanReport> read_report(FdRef talk, FdRef relay) {
  PlanReport report;
  auto bytes = std::as_writable_bytes(std::span(&report, 1));
  const auto until = Clock::now() + kPlanLimit;
  while (!bytes.empty()) {
    const auto left = std::chrono::duration_cast<Milliseconds>(until - Clock::now());
    if (left.count() <= 0) return Error(Code::kDeadline, "the sandbox did not say in time what it has become");
    std::array<pollfd, 2> events{pollfd{talk.get(), POLLIN, 0}, pollfd{relay.get(), POLLIN, 0}};
    if (::poll(events.data(), events.size(), static_cast<int>(left.count())) < 0 && errno != EINTR)
      return Error::last_system("wait for the sandbox");
    const ssize_t count = ::read(talk.get(), bytes.data(), bytes.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR) && events[1].revents == 0) continue;
    if (count <= 0) return Error(Code::kUnavailable, "the sandbox ended before it could say what it has become");
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return report;
}

}  // namespace

/// What can be thought of before there is anything.
struct Container::Prepared {
  Tree tree;
  JailPlan plan;
  std::string archive;
  std::string image;
  std::string keeper;
  std::vector<std::string> covered;
};

Result<Container::Prepared> Container::prepare() {
  Prepared prepared;
  process::HostReport host = seen_from_inside(order_.host);
  process::add_files(host);
  prepared.tree = TRY(read_tree(TRY(process::compile_tree(order_.request, host, {}, 0))));
  prepared.tree.entries.push_back(
      {.kind = Tree::Entry::Kind::kFile, .path = "run/brig-init", .text = {}, .mode = 0644});
  prepared.plan = compile_inside(order_.request, host);
  prepared.archive = archive_of(prepared.tree.entries);
  prepared.image = image_name(prepared.archive);
  prepared.keeper = format(TRY(own_keeper_name()));
  prepared.covered = TRY(process::covered_proc());
  return prepared;
}

Result<> Container::need_image(const std::string& name, const std::string& archive) {
  const auto known = engine_.ask("GET", "/images/" + name + "/json");
  if (known) return {};
  if (known.error().code() != Code::kNotFound) return known.error();
  const std::size_t colon = name.rfind(':');
  const std::string target =
      "/images/create?fromSrc=-&repo=" + name.substr(0, colon) + "&tag=" + name.substr(colon + 1);
  TRY(engine_.ask("POST", target, archive, "application/x-tar").context("give the engine its image"));
  return {};
}

/// And holds it by descriptor, so that nobody else is ended in its place.
Result<pid_t> Container::find_process() {
  const Standing standing = TRY(from(engine_.name(), read_standing(TRY(engine_.ask("GET", target("/json"))))));
  if (!standing.is_running || standing.pid == 0) {
    return Error(Code::kUnavailable, "the container ended as soon as it was started" +
                                         (standing.error.empty() ? "" : ": " + standing.error));
  }
  const auto pid = static_cast<pid_t>(standing.pid);
  process_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process_.is_open()) return Error::last_system("hold the container's process");
  const std::string cgroup = TRY(sys::read_file("/proc/" + std::to_string(pid) + "/cgroup", std::size_t{64} << 10));
  if (!names_container(cgroup, id_)) {
    process_.reset();
    return process::differs("the process that the engine names is not in the container's group");
  }
  return pid;
}

Result<> Container::instruct(FdRef talk, const JailPlan& plan) {
  TRY(sys::set_nonblocking(talk, false));
  TRY(sys::write_all(talk, TRY(process::framed(plan))).context("send the plan"));
  return process::judge_report(TRY(read_report(talk, relay_.pidfd())), plan);
}

Result<runtime::Attestation> Container::make(Fd guest, Fd talk) {
  const Prepared prepared = TRY(prepare());
  TRY(need_image(prepared.image, prepared.archive));
  Scratch scratch;
  if (may_share_scratch()) scratch = TRY(Scratch::make(prepared.tree, std::to_string(::getpid())));
  const BodyInput input{.request = order_.request,
                        .tree = prepared.tree,
                        .image = prepared.image,
                        .init = order_.init,
                        .scratch = scratch.folder(),
                        .core_limit = order_.host.core_limit,
                        .covered = prepared.covered,
                        .keeper = prepared.keeper,
                        .is_podman = order_.about.is_podman};
  const auto created = engine_.ask("POST", "/containers/create", create_body(input));
  if (!created && !input.scratch.empty() && created.error().message().contains(input.scratch)) {
    return Error(Code::kUnsupported, created.error().message() +
                                         ": the engine does not see what we mount, because it "
                                         "runs in a mount namespace of its own; run brig where it runs");
  }
  id_ = TRY(from(engine_.name(), read_created(TRY(created))));
  relay_ = TRY(start_relay(order_.place, id_, std::move(guest)));
  TRY(engine_.ask("POST", target("/start")));
  const pid_t pid = TRY(find_process());
  TRY(instruct(talk.ref(), prepared.plan));
  group_ = TRY(sys::Cgroup::of_process(pid));
  Expected expected{.pid = pid,
                    .container = id_,
                    .runtime = std::string(name_of(order_.place.kind)),
                    .masked = masked_paths(input),
                    .writable = {},
                    .scratch_device = scratch.device(),
                    .init = order_.init,
                    .may_look = order_.host.is_root,
                    .has_cgroup_namespace = has_cgroup_namespace(order_.about, order_.host),
                    .has_user_namespace = order_.about.has_user_namespaces,
                    .landlock_rules = process::landlock_rule_count(prepared.plan)};
  for (const Tree::Scratch& part : prepared.tree.scratch) expected.writable.push_back("/" + part.path);
  auto attestation = TRY(confirm(expected, order_.host, process::asked_limits(order_.request), *group_));
  TRY(sys::write_all(talk.ref(), "g").context("let the sandbox begin"));
  return attestation;
}

Result<> Container::pause() {
  if (is_paused_) return {};
  TRY(engine_.ask("POST", target("/pause")).context("pause"));
  is_paused_ = true;
  return {};
}

Result<> Container::resume() {
  if (!is_paused_) return {};
  TRY(engine_.ask("POST", target("/unpause")).context("resume"));
  is_paused_ = false;
  return {};
}

Result<bool> Container::is_known() {
  const auto standing = engine_.ask("GET", target("/json"));
  if (standing) return true;
  if (engine_.last_status() == 404) return false;
  // Podman fails (500) while it is removing what it is asked for.
  if (engine_.last_status() != 0) return true;
  return standing.error();
}

Result<> Container::remove() {
  if (process_.is_open() && ::syscall(SYS_pidfd_send_signal, process_.get(), SIGKILL, nullptr, 0) == 0) {
    // With its end all of its pid namespace has ended. What is frozen waits for the engine.
    pollfd event{process_.get(), POLLIN, 0};
    if (!is_paused_) (void)::poll(&event, 1, static_cast<int>(kDeathLimit.count()));
  }
  (void)relay_.kill(SIGKILL);
  if (id_.empty()) return {};
  const auto until = Clock::now() + kRemovalLimit;
  while (true) {
    // What is being removed already, as it was to be with its end, or has just been ended while it was frozen, is
    // refused at first.
    const auto removed = engine_.ask("DELETE", target("?force=1&v=1"));
    if (!TRY(is_known())) return {};
    if (Clock::now() > until) {
      const std::string why = removed ? "" : ": " + removed.error().message();
      return Error(Code::kDeadline, engine_.name() + " does not remove the container " + id_ + why);
    }
    pause_for(Milliseconds(10));
  }
}

void Container::sweep() {
  const auto own = own_keeper_name();
  if (!own) return;
  const std::string filter = "%7B%22label%22%3A%5B%22" + std::string(kKeeperLabel) + "%22%5D%7D";  // {"label":["…"]}
  const auto text = engine_.ask("GET", "/containers/json?all=1&filters=" + filter);
  const auto list = text ? read_list(*text) : Result<std::vector<Listed>>(text.error());
  if (list) {
    for (const Listed& listed : *list) {
      const auto keeper = parse_keeper(listed.keeper);
      if (!keeper || !is_dead(*keeper, *own)) continue;
      if (keeper->boot != own->boot && listed.is_running) continue;  // the engine is another machine's as well
      (void)engine_.ask("DELETE", "/containers/" + listed.id + "?force=1&v=1");
    }
  }
  if (may_share_scratch()) {
    sweep_scratch([](const std::string& name) { return ::access(("/proc/" + name).c_str(), F_OK) != 0; });
  }
}

}  // namespace brig::runtimes::engine
