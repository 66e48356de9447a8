/// 602_thread_bomb: starts threads that wait, until far more than the limit are there.
/// Expected: the pids limit counts threads.
#include <pthread.h>
#include <unistd.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

constexpr runtime::Cause kEnds[] = {runtime::Cause::kPidsLimit};
void* wait_forever(void*) {
  for (;;) ::pause();
}
Finding run(const Args& args) {
  const long enough = args.number("pids", 32) * 4;
  pthread_attr_t small{};
  ::pthread_attr_init(&small);
  ::pthread_attr_setstacksize(&small, 64 << 10);
  long count = 0;
  int error = 0;
  while (count < enough && error == 0) {
    pthread_t thread{};
    error = ::pthread_create(&thread, &small, wait_forever, nullptr);
    count += error == 0 ? 1 : 0;
  }
  const std::string text = std::to_string(count) + " threads";
  return count >= enough ? breached(text) : held(text + ", then " + error_name(error));
}

}  // namespace

constinit const Probe k602ThreadBomb = {
    .name = "602_thread_bomb",
    .group = Group::kResources,
    .attack = "make threads without end",
    .cve = "",
    .refusal = "the pids limit counts threads",
    .run = run,
    .held_if_ended_by = kEnds,
};

}  // namespace brig::attack::probes
