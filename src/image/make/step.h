#pragma once
/// A step: one program of a build in a sandbox of its own, in a process of its own.
///
/// Whoever talks to a sandbox reads what hostile code sends. A build has more to do afterwards, and often root's
/// privileges to do it with, so a child does the talking: it gives up everything but its pipes first (sys/confine.h),
/// and is gone with the sandbox. Blocking, for programs with one thread; a child of a parent that dies goes with it.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "policy/policy.h"
#include "runtime/exit.h"
#include "runtime/runtime.h"

namespace brig::image {

struct Step {
  std::vector<std::string> argv;
  policy::Policy policy;
  std::string folder = "/workspace";                         ///< where it starts
  std::optional<std::vector<std::string>> environment = {};  ///< "NAME=value", all of it
  runtime::RootImage root = {};
  std::optional<runtime::WritableRoot> writable = {};
  bool shows_output = false;  ///< its standard output is for people too, as lines
  std::string disk;           ///< a folder of the file system that it fills: the step ends when that is nearly full
};

struct StepEnd {
  runtime::Exit exit;
  std::string output;  ///< the beginning of its standard output, kStepOutputMost at most
  std::string note;    ///< what else a person should know about its end
};

inline constexpr std::size_t kStepOutputMost = std::size_t{4} << 20;

/// Makes the wall; called in the child.
using MakeRuntime = std::function<Result<std::unique_ptr<runtime::Runtime>>()>;
/// A line that the program printed on standard error: a guest's text, printable and cut.
using OnLine = std::function<void(std::string_view)>;

/// An Error means that we could not do our part, or that the disk is full (kExhausted).
Result<StepEnd> run_step(const MakeRuntime& make_runtime, const Step& step, const OnLine& on_line);

/// kExhausted if the file system of the folder `disk` is nearly full; a build looks again every so many milliseconds.
Result<> expect_room(const std::string& disk);
inline constexpr int kDiskLookEvery = 250;

/// What a step is given unless it needs something else: an hour, 4G of memory, most of which it may use as
/// scratch.
policy::Limits step_limits();

/// Nothing if it ended with 0; else an Error with the limit or the exit code. `doing`: "unpacking the image".
Result<> expect_success(const StepEnd& end, std::string_view doing);

}  // namespace brig::image
