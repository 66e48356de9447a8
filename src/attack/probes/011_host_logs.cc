/// 011_host_logs: lists /var/log and /var/lib.
/// Expected: /var of the host is not in the sandbox.
#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args&) {
  for (const char* path : {"/var/log", "/var/lib", "/var/spool"}) {
    const auto names = names_in(path);
    if (names.has_value() && !names->empty()) return breached(std::string(path) + " shows " + names->front());
  }
  return held("nothing in /var/log, /var/lib, /var/spool");
}

}  // namespace

constinit const Probe k011HostLogs = {
    .name = "011_host_logs",
    .group = Group::kFiles,
    .attack = "read the host's logs and package database",
    .cve = "",
    .refusal = "/var of the host is not in the sandbox",
    .run = run,
};

}  // namespace brig::attack::probes
