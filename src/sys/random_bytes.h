#pragma once
/// Random bytes from the kernel, good enough for keys.
#include <cstddef>
#include <span>

namespace brig::sys {

/// Fills `bytes` by getrandom. Blocks only while the kernel's generator is not yet seeded, early at boot. Ends this
/// process if the kernel refuses: no caller could go on without.
void fill_random(std::span<std::byte> bytes);

}  // namespace brig::sys
