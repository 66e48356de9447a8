#pragma once
/// FarEnd: a sandbox on another machine, as its cell asks for it, whatever the other side speaks.
#include <memory>

#include "async/task.h"
#include "runtime/cell_report.h"

namespace brig::runtimes::remote {

/// One question at a time; the cell sees to it. kUnavailable once the sandbox is gone.
class FarEnd {
 public:
  virtual ~FarEnd() = default;
  virtual Task<runtime::CellReport> stats() = 0;
  /// A time that makes sense; 0 = no end.
  virtual Task<> live_for(Milliseconds from_now) = 0;
  virtual Task<> pause() = 0;
  virtual Task<> resume() = 0;
  /// Ends it, or finds out how it has ended: see runtime::Cell::destroy().
  virtual Task<runtime::CellReport> end() = 0;
};

}  // namespace brig::runtimes::remote
