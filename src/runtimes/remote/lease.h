#pragma once
/// Lease: a process of our own that keeps one sandbox of an E2B service alive as long as somebody here wants it, and
/// ends it.
///
/// The service ends a sandbox by itself after a minute; the lease puts that off again and again, and asks for the end
/// when the sandbox's lifetime is over, when its relay is gone, or when this process is, however it died. It alone
/// holds the key over there after the start, and reads nothing that a guest wrote; it gives up files, programs and
/// capabilities. If it is killed itself, the service's minute runs out.
#include <memory>
#include <string>

#include "async/task.h"
#include "base/fd.h"
#include "base/units.h"
#include "runtimes/remote/server.h"
#include "sys/process.h"

namespace brig::runtimes::remote {

/// After this the service ends what nobody renews.
inline constexpr std::chrono::seconds kLeaseTime{60};

/// What a relay says to the lease when it ends by itself; without a word it was killed.
inline constexpr char kTieEnded = 'e';  ///< the agent is gone, or nobody here wants the channel any more
inline constexpr char kTieLost = 'x';   ///< the connection is, and why

class Lease {
 public:
  /// Of the sandbox `id`, which exists. For a process with one thread.
  static Result<Lease> start(Destination api, std::string id);
  Lease(Lease&&) noexcept = default;
  Lease& operator=(Lease&&) = delete;
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  /// The sandbox ends; waits a moment for that.
  ~Lease();

  /// The relay's end: that it is closed everywhere is the relay's end. Once.
  Fd take_tie() { return std::move(tie_); }

  // One at a time; one that is given up disturbs no other. kUnavailable once the sandbox is gone.
  Task<> live_for(Milliseconds from_now);
  /// Whether it still lives, as the service says.
  Task<> look();
  /// Ends it. True if its lifetime had. kUnavailable if somebody else ended it, or if nobody could be told to.
  Task<bool> end();

 private:
  Lease(sys::Child process, Fd control, Fd tie, std::string host)
      : process_(std::move(process)), control_(std::move(control)), tie_(std::move(tie)), host_(std::move(host)) {}
  struct Reply {
    char letter;
    std::string text;
  };
  Task<Reply> ask(char what, Milliseconds time);
  Task<> ask_living(char what, Milliseconds time);

  sys::Child process_;
  Fd control_;
  Fd tie_;
  std::string host_;
  std::uint32_t asked_ = 0;
};

}  // namespace brig::runtimes::remote
