/// 802_system_v_stays: writes a marker into System V memory under a fixed key, and looks for one in the second sandbox.
/// Expected: the ipc namespace ends with the sandbox.
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/shm.h>

#include <cstring>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  constexpr key_t kKey = 0x42524947;
  const bool is_second = args.text("phase") == "2";
  const int segment = ::shmget(kKey, 4096, is_second ? 0666 : IPC_CREAT | 0666);
  const int queue = ::msgget(kKey, is_second ? 0666 : IPC_CREAT | 0666);
  if (is_second && segment < 0 && queue < 0) return held("no segment and no queue: " + error_name(errno));
  auto* place = static_cast<char*>(segment >= 0 ? ::shmat(segment, nullptr, 0) : nullptr);
  if (is_second) return breached("found: " + std::string(place != nullptr ? place : "a queue"));
  if (place != nullptr) std::strncpy(place, args.text("marker").c_str(), 4095);
  return held("left one");
}

}  // namespace

constinit const Probe k802SystemVStays = {
    .name = "802_system_v_stays",
    .group = Group::kPersistence,
    .attack = "leave a shared memory segment and a message queue for the next sandbox",
    .cve = "",
    .refusal = "the ipc namespace ends with the sandbox",
    .run = run,
    .phases = 2,
};

}  // namespace brig::attack::probes
