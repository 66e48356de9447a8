#pragma once
/// What the end of a program inside, or its failure to begin, is to judge().
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "guest/session.h"
#include "runtime/judge.h"

namespace brig::runtime {

GuestWord word_of(const guest::ProcessEnd& end);

/// A program that could not be started for a reason of its own.
struct NotStarted {
  Observed observed;  ///< only what a shell would say: 127 or 126; or that no process is left
  std::string note;
};
/// None if the failure is ours.
std::optional<NotStarted> not_started(const Error& error, std::span<const std::string> argv);

/// Waits for what the ended `process` printed last: true when all of it has come, false when nothing new has come for a
/// moment (something it left behind may hold its output open). `seen` counts the bytes that came; it must outlive the
/// task.
Task<bool> drain(std::shared_ptr<guest::Process> process, const std::uint64_t& seen);

}  // namespace brig::runtime
