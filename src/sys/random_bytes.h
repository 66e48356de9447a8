#pragma once
/// Random bytes from the kernel, good enough for keys.
#include <cstddef>
#include <span>
#include <string>

namespace brig::sys {

/// Fills `bytes` by getrandom. Blocks only while the kernel's generator is not yet seeded, early at boot. Ends this
/// process if the kernel refuses: no caller could go on without.
void fill_random(std::span<std::byte> bytes);
/// Two hexadecimal digits for each of `bytes` random bytes.
std::string random_hex(std::size_t bytes);

}  // namespace brig::sys
