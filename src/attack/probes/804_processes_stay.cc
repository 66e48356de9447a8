/// 804_processes_stay: leaves a process in a session of its own, and looks for it in the second sandbox. The harness
/// also looks outside. Expected: the pid namespace ends with the sandbox.
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cctype>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  if (args.text("phase") != "2") {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) return held("no pipe");
    if (::fork() == 0) {
      ::setsid();
      ::prctl(PR_SET_NAME, ("brig-stray-" + args.text("marker").substr(0, 4)).c_str());
      for (int fd : {0, 1, 2, ends[0], ends[1]}) ::close(fd);
      ::sleep(20);
      ::_exit(0);
    }
    ::close(ends[1]);
    char byte = 0;
    (void)!::read(ends[0], &byte, 1);  // ends when the child has its name
    return held("left one");
  }
  for (const std::string& name : names_in("/proc").value_or(std::vector<std::string>{})) {
    if (std::isdigit(static_cast<unsigned char>(name[0])) == 0) continue;
    if (read_some("/proc/" + name + "/comm").value_or("").starts_with("brig-stray"))
      return breached("it is pid " + name);
  }
  return held("no process of another sandbox");
}

}  // namespace

constinit const Probe k804ProcessesStay = {
    .name = "804_processes_stay",
    .group = Group::kPersistence,
    .attack = "leave a process behind",
    .cve = "",
    .refusal = "the pid namespace ends with the sandbox",
    .run = run,
    .phases = 2,
};

}  // namespace brig::attack::probes
