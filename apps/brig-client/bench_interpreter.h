#pragma once
/// What `brig bench --interpreter` measures: contexts through the API, next to a bare python and, where there is one,
/// to Jupyter's kernel doing the same in the same rounds.
#include <optional>
#include <string>
#include <vector>

#include "bench_figures.h"

namespace brig::client {

struct InterpreterOptions {
  bool is_json = false;
  std::size_t rounds = 20;
  std::optional<std::string> jupyter;  ///< a python that has ipykernel and jupyter_client
  std::string python = "/usr/bin/python3";
};

struct InterpreterFigures {
  std::vector<NamedSamples> rounds;  ///< milliseconds
  std::size_t from_pool = 0;         ///< of the sandboxes that were made for one cell
  std::string starts;                ///< how the daemon's interpreters started: "forked 40, cold 21, fallback 0"
  std::vector<std::string> troubles;
};

/// `where` has warm prepared sandboxes of its default template; `owner` tells its metrics.
Result<InterpreterFigures> measure_interpreters(const InterpreterOptions& options, const Where& where,
                                                const Where& owner);

std::string for_people(const InterpreterFigures& figures);
std::string to_json(const InterpreterFigures& figures);

}  // namespace brig::client
