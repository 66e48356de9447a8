#pragma once
/// CellReport: the figures of a cell, measured outside it.
#include <cstdint>

#include "runtime/exit.h"

namespace brig::runtime {

struct CellReport {
  Usage usage;                      ///< wall is the cell's whole life
  std::uint64_t memory_kills = 0;   ///< processes the out-of-memory killer ended inside
  std::uint64_t pids_refusals = 0;  ///< forks refused by the pids limit
  bool has_expired = false;         ///< the lifetime ended it
  // Of stats(), at that moment; zero in the last report and where the host could not measure.
  Bytes memory{0};
  std::uint64_t pids = 0;  ///< processes and threads, without the agent
};

}  // namespace brig::runtime
