/// 701_leaked_descriptors: looks at every descriptor above 2 it was born with, and reads the canary through each. The
/// harness leaves two open on purpose. Published: CVE-2024-21626 (runc), CVE-2016-9962. Expected: only 0, 1, 2 and the
/// pipe for rich results (3) are inherited.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"
#include "base/fd.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  std::vector<Finding> findings;
  for (int number = 3; number < 1024; ++number) {
    struct stat info{};
    if (::fstat(number, &info) != 0) continue;
    if (number == 3 && S_ISFIFO(info.st_mode)) continue;  // rich results, by design
    std::array<char, 512> target{};
    const ssize_t n = ::readlink(("/proc/self/fd/" + std::to_string(number)).c_str(), target.data(), target.size() - 1);
    std::string seen = "descriptor " + std::to_string(number) + ": " + (n > 0 ? target.data() : "?");
    const Fd file(::openat(number, "secret", O_RDONLY | O_CLOEXEC));
    std::array<char, 128> text{};
    const ssize_t size = ::pread(file.is_open() ? file.get() : number, text.data(), text.size(), 0);
    if (size > 0) seen += ": " + std::string(text.data(), static_cast<std::size_t>(size));
    findings.push_back(breached(std::move(seen)));
  }
  return findings.empty() ? held("none but the results pipe") : worst(findings);
}

}  // namespace

constinit const Probe k701LeakedDescriptors = {
    .name = "701_leaked_descriptors",
    .group = Group::kEscapes,
    .attack = "use a descriptor the runtime forgot to close",
    .cve = "CVE-2024-21626 (runc), CVE-2016-9962",
    .refusal = "only 0, 1, 2 and the pipe for rich results (3) are inherited",
    .run = run,
};

}  // namespace brig::attack::probes
