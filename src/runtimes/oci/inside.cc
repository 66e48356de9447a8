#include "runtimes/oci/inside.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

namespace brig::runtimes::oci {
namespace {

/// Limits that nobody may change inside gVisor. They are in its configuration (spec.cc).
bool is_fixed_in_gvisor(std::uint32_t resource) {
  return resource == RLIMIT_MSGQUEUE || resource == RLIMIT_SIGPENDING || resource == RLIMIT_RTPRIO ||
         resource == RLIMIT_NICE;
}

}  // namespace

process::JailPlan compile_inside(const process::LaunchRequest& request, process::HostReport host) {
  if (request.wall != process::Wall::kRunsc) return process::compile_confinement(request, host);
  host.landlock_abi = 0;
  process::JailPlan plan = process::compile_confinement(request, host);
  std::erase_if(plan.steps, [](const process::Step& step) {
    const auto* limit = std::get_if<process::SetLimit>(&step);
    return limit != nullptr && is_fixed_in_gvisor(limit->resource);
  });
  // Nothing outside counts the guest's processes, so this is the limit itself.
  for (process::Step& step : plan.steps) {
    auto* limit = std::get_if<process::SetLimit>(&step);
    if (limit != nullptr && limit->resource == RLIMIT_NPROC) limit->soft = limit->hard = request.pids;
  }
  return plan;
}

Result<std::vector<std::string>> covered_proc() {
  const std::unique_ptr<DIR, decltype([](DIR* open) { ::closedir(open); })> proc(::opendir("/proc"));
  if (proc == nullptr) return Error::last_system("look at /proc");
  const auto shown = process::proc_shown();
  std::vector<std::string> covered;
  while (const dirent* entry = ::readdir(proc.get())) {  // NOLINT(concurrency-mt-unsafe): one thread, one stream
    const std::string name = entry->d_name;
    if (name.starts_with('.') || (name[0] >= '0' && name[0] <= '9') || entry->d_type == DT_LNK) continue;
    if (std::ranges::find(shown, name) != shown.end()) continue;
    struct stat info = {};
    if (::fstatat(::dirfd(proc.get()), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0)
      return Error::last_system("look at /proc/" + name);
    if ((info.st_mode & S_IROTH) != 0) covered.push_back(name);  // the rest is root's only
  }
  std::ranges::sort(covered);
  return covered;
}

}  // namespace brig::runtimes::oci
