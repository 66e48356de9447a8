#pragma once
/// How much of the scratch can lie in memory: files of a tmpfs count as memory, so the smaller of two limits is theirs.
#include "policy/policy.h"

namespace brig::policy {

/// What the memory leaves for files: all but an eighth for programs and for the agent, and a little for each file's own
/// record. So a scratch in memory that is filled answers "no space left", and the kernel has no reason to end a
/// process, the first one of the sandbox above all, because of files.
Bytes scratch_room(Bytes memory, std::uint32_t inodes);

/// Where memory was asked for and disk was not: a disk that is only the default becomes no larger than the memory has
/// room for. Who asks for more gets it from the host's disk, which makes every sandbox start later.
void fit_unasked_disk(Limits& limits);

}  // namespace brig::policy
