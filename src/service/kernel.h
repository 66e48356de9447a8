#pragma once
/// The host's side of the protocol of kernels (drivers/README.md): how one is started, requests out, events in. Pure.
///
/// A kernel is in the same process as the cells that it runs: every event is taken as hostile.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "policy/policy.h"
#include "service/languages.h"
#include "service/records.h"

namespace brig::service {

/// How the kernel of `language` is started in a sandbox with so much memory. kUnsupported for a language that has none.
Result<Launch> kernel_of(const Language& language, Bytes memory);

/// What a zygote imports where nobody has said what: those of them that are there.
std::vector<std::string> usual_modules();
/// How a zygote of `language` is started, which has imported `modules` and becomes its kernel in a child
/// (drivers/README.md). kUnsupported for a language that has none.
Result<Launch> zygote_of(const Language& language, const std::vector<std::string>& modules);
/// Whether two environments ("NAME=value") differ in nothing that an interpreter or the usual libraries look at only
/// once, when they start.
bool starts_alike(const std::vector<std::string>& one, const std::vector<std::string>& other);

/// Source text that runs in a context.
struct Cell {
  std::string code;
  std::optional<Milliseconds> timeout;
  std::vector<policy::Variable> environment;  ///< for this cell alone
  std::string cwd;                            ///< changed to before it, and for those that follow; empty: as it is
};

inline constexpr std::size_t kCellMax = std::size_t{10} << 20;  ///< bytes of a cell's code

/// kInvalidArgument for code that is too long or no UTF-8.
Result<> check_cell(const Cell& cell);
/// The request to run a cell, a line with its end. Errors as check_cell().
Result<std::string> run_request(std::int64_t id, const Cell& cell);

struct KernelEvent {
  enum class Type : std::uint8_t { kReady, kBegin, kResult, kError, kEnd };
  Type type = Type::kReady;
  std::int64_t id = 0;     ///< of the cell; of kReady none
  std::int64_t count = 0;  ///< kBegin: which cell it is, from 1
  RichResult result;       ///< kResult
  bool is_main = false;    ///< the value of the last expression
  ProgramError error;
  std::string status;            ///< kEnd: "ok", "error", "interrupted", "timeout" or "exit"
  std::optional<int> exit_code;  ///< kEnd with "exit"
};

/// None for what is no event.
std::optional<KernelEvent> parse_kernel_event(std::string_view line);

}  // namespace brig::service
