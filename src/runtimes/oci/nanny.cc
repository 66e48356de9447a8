#include "runtimes/oci/nanny.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "runtimes/oci/told.h"
#include "runtimes/process/executor.h"
#include "runtimes/process/plan_wire.h"
#include "sys/file.h"
#include "sys/process.h"

namespace brig::runtimes::oci {
namespace {

using process::kFirstSlot;
using process::PlanReport;

constexpr int kEnded = 71;  // EX_OSERR (sysexits.h)
constexpr int kTalkFd = 0;

[[noreturn]] void give_up(std::uint32_t step, int os_error) {
  const PlanReport report{.step = step, .os_error = os_error};
  (void)!::write(kTalkFd, &report, sizeof report);
  ::_exit(kEnded);
}

void die_with_warden() {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) ::_exit(kEnded);
}

/// From here its pid cannot be seen, but that nobody holds its end of our socket.
bool is_warden_gone() {
  pollfd event{kTalkFd, 0, 0};
  return ::poll(&event, 1, 0) > 0;
}

/// Becomes the runtime. Only makes system calls.
void become_runtime(int program, char* const* arguments) {
  constexpr unsigned kCloexec = 1U << 2;  // CLOSE_RANGE_CLOEXEC, linux/close_range.h
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || ::syscall(SYS_close_range, 3U, ~0U, kCloexec) < 0) return;
  static char path[] = "PATH=/usr/sbin:/usr/bin";
  char* const environment[] = {path, nullptr};
  ::syscall(SYS_execveat, program, "", arguments, environment, AT_EMPTY_PATH);
}

void run_runtime(int program, const std::vector<std::string>& arguments) {
  std::vector<char*> pointers;
  for (const std::string& text : arguments) pointers.push_back(const_cast<char*>(text.c_str()));  // exec only reads
  pointers.push_back(nullptr);
  auto runtime = sys::clone(0, FdRef());
  if (!runtime.has_value()) give_up(kRuntimeNotStarted, runtime.error().os_error());
  if (!runtime->has_value()) {
    become_runtime(program, pointers.data());
    give_up(kRuntimeNotStarted, errno);
  }
  const auto end = (*runtime)->wait();
  if (!end.has_value()) give_up(kRuntimeNotStarted, end.error().os_error());
  if (!end->is_signal && end->value == kEnded) ::_exit(kEnded);  // it has said why
  if (end->is_signal || end->value != 0) give_up(kRuntimeFailed, end->is_signal ? -end->value : end->value);
}

/// The container's first process, as the runtime wrote it; 0 if it did not.
pid_t container() { return named_process(sys::read_file("/box/pid", 32).value_or(std::string())); }

}  // namespace

void run_nanny(const NannyJob& job) {
  die_with_warden();
  ::prctl(PR_SET_NAME, "brig-nanny");
  sys::reset_signals();
  std::vector<sys::Inherited> fds{{job.talk, kTalkFd}, {job.channel, 1}, {job.complaints, 2}};
  int next = kFirstSlot;
  for (const FdRef slot : job.slots) fds.push_back({slot, next++});
  const int program = next;
  fds.push_back({job.program, program});
  if (!sys::place_descriptors(fds)) ::_exit(kEnded);
  // The warden's ends of our own sockets are among what is left: while we held them, nobody would hear of its end.
  ::syscall(SYS_close_range, 3U, static_cast<unsigned>(kFirstSlot - 1), 0U);
  ::syscall(SYS_close_range, static_cast<unsigned>(program + 1), ~0U, 0U);

  const PlanReport built = process::perform_plan(job.plan);
  if (built.step != process::kPlanDone) give_up(built.step, built.os_error);
  die_with_warden();  // again: the change of whom files belong to has cleared it
  if (is_warden_gone()) ::_exit(kEnded);
  run_runtime(program, job.arguments);
  const pid_t first = container();
  ::syscall(SYS_close_range, 0U, ~0U, 0U);
  while (true) {
    const pid_t ended = ::wait(nullptr);
    if (ended == first || (ended < 0 && errno != EINTR)) ::_exit(0);
  }
}

}  // namespace brig::runtimes::oci
