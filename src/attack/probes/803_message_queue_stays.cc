/// 803_message_queue_stays: sends a marker to a queue of a fixed name, and looks for the queue in the second sandbox.
/// Expected: the ipc namespace ends with the sandbox.
#include <fcntl.h>
#include <mqueue.h>

#include "attack/probes/table.h"
#include "attack/probes/tools.h"

namespace brig::attack::probes {
namespace {

Finding run(const Args& args) {
  if (args.text("phase") == "2") {
    const mqd_t queue = ::mq_open("/brig-marker", O_RDONLY | O_NONBLOCK);
    if (queue < 0) return held("no queue: " + error_name(errno));
    std::string text(8192, '\0');
    const ssize_t n = ::mq_receive(queue, text.data(), text.size(), nullptr);
    ::mq_unlink("/brig-marker");
    return breached("found: " + text.substr(0, n > 0 ? static_cast<std::size_t>(n) : 0));
  }
  const mqd_t queue = ::mq_open("/brig-marker", O_CREAT | O_WRONLY | O_NONBLOCK, 0666, nullptr);
  const std::string marker = args.text("marker");
  if (queue >= 0) ::mq_send(queue, marker.data(), marker.size(), 0);
  return held("left one");
}

}  // namespace

constinit const Probe k803MessageQueueStays = {
    .name = "803_message_queue_stays",
    .group = Group::kPersistence,
    .attack = "leave a POSIX message queue for the next sandbox",
    .cve = "",
    .refusal = "the ipc namespace ends with the sandbox",
    .run = run,
    .needs = "a kernel with POSIX message queues",
    .phases = 2,
};

}  // namespace brig::attack::probes
