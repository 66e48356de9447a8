#pragma once
/// How much memory processes have, as the kernel counts it.
#include <cstddef>
#include <string>
#include <vector>

namespace brig::cli {

/// The proportional share of memory (PSS) in KiB of a process; 0 if it is gone, or not ours to look at.
std::size_t pss_of(const std::string& pid);
/// Of everything below `pid`.
std::size_t pss_below(const std::string& pid);
/// In KiB: what the kernel believes could still be given to programs (MemAvailable); 0 if it does not say.
std::size_t memory_available();

}  // namespace brig::cli
