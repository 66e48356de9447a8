#pragma once
/// BRIG_CHECK: invariants. A false one is a bug of ours: it prints the condition and aborts, in every build.
#include <string_view>

namespace brig::internal {
[[noreturn]] void check_failed(std::string_view condition, std::string_view what, const char* file, int line);
}

#define BRIG_CHECK(condition, what)                                         \
  do {                                                                      \
    if (!(condition)) [[unlikely]]                                          \
      ::brig::internal::check_failed(#condition, what, __FILE__, __LINE__); \
  } while (false)
