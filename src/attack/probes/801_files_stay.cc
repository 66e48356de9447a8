/// 801_files_stay: writes a marker into every folder it can, and looks for one in the second sandbox.
/// Expected: scratch is a tmpfs that ends with the sandbox.
#include <fcntl.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"
#include "base/fd.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  std::vector<std::string> folders = scratch_folders();
  folders.insert(folders.end(), {"/var/tmp", "/run", "/home/user/.cache"});
  for (const std::string& folder : folders) {
    const std::string path = folder + "/brig-marker";
    if (args.text("phase") == "2") {
      const auto text = read_some(path);
      if (text.has_value()) return breached(path + ": " + *text);
      continue;
    }
    const Fd fd(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0666));
    const std::string marker = args.text("marker");
    if (fd.is_open()) (void)!::write(fd.get(), marker.data(), marker.size());
  }
  return held("no file of another sandbox");
}

}  // namespace

constinit const Probe k801FilesStay = {
    .name = "801_files_stay",
    .group = Group::kPersistence,
    .attack = "leave a file for the next sandbox",
    .cve = "",
    .refusal = "scratch is a tmpfs that ends with the sandbox",
    .run = run,
    .phases = 2,
};

}  // namespace brig::attack::probes
