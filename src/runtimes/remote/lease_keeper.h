#pragma once
/// What the process of a Lease does. Part of it; nothing else uses it.
#include <string>

#include "base/fd.h"
#include "runtimes/remote/server.h"

namespace brig::runtimes::remote {

// Questions, as helper.h's words: a letter, then "NUMBER MILLISECONDS".
inline constexpr char kLeaseLive = 'l';  ///< so long from now; 0 = no end
inline constexpr char kLeaseLook = 's';
inline constexpr char kLeaseEnd = 'e';
// Answers: a letter, then "NUMBER" and perhaps " TEXT".
inline constexpr char kLeaseGood = '+';
inline constexpr char kLeaseExpired = 't';
inline constexpr char kLeaseGone = 'g';
inline constexpr char kLeaseFailed = '-';

struct LeaseTerms {
  Destination api;
  std::string id;
};

/// Until nobody wants the sandbox any more and it has ended. In a process of its own.
[[noreturn]] void keep_lease(LeaseTerms terms, Fd control, Fd tie);

}  // namespace brig::runtimes::remote
