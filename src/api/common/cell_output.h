#pragma once
/// CellOutput: what a cell said, for an answer in one piece. Bounded, whatever the cell says.
#include <cstdint>
#include <optional>
#include <vector>

#include "async/task.h"
#include "sandboxes/contexts/context.h"
#include "service/capture.h"

namespace brig::api {

struct CellOutput {
  /// `most`: bytes that are kept of each stream.
  explicit CellOutput(Bytes most) : out(most), err(most) {}

  void take(sandboxes::CellEvent event);

  service::Capture out;
  service::Capture err;
  std::vector<sandboxes::CellEvent> results;  ///< kResult only
  std::size_t held = 0;                       ///< bytes of them
  std::uint64_t dropped = 0;                  ///< results beyond what is kept; not in end.dropped
  std::optional<service::ProgramError> error;
  sandboxes::CellEnd end;

 private:
  void add(sandboxes::CellEvent event);
};

/// Until the cell's end. Both outlive the task.
Task<> collect(sandboxes::Context::Run& run, CellOutput& all);

}  // namespace brig::api
