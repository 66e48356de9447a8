#pragma once
/// Cells: code that runs in a context of a daemon, and what it says, at this terminal.
#include <cstdint>
#include <optional>
#include <string>

#include <boost/json/fwd.hpp>

#include "remote.h"

namespace brig::client {

/// How a cell ended.
struct CellEnding {
  std::string status;  ///< "ok", "error", "interrupted", "timeout", "exit" or "died"
  std::optional<int> exit_code;
  [[nodiscard]] bool is_good() const { return status == "ok" || (status == "exit" && exit_code.value_or(0) == 0); }
  /// As brig run ends: 0, what it asked for, 124 after a timeout, 130 after an interrupt, else 1.
  [[nodiscard]] int exit_code_of_ours() const;
};

/// A context and where its figures go.
class Cells {
 public:
  /// `folder` is made for the first figure. `remote` outlives it.
  Cells(Remote& remote, std::string sandbox, std::string context, std::string folder)
      : remote_(remote), sandbox_(std::move(sandbox)), context_(std::move(context)), folder_(std::move(folder)) {}

  /// Runs a cell: what it prints goes to our own streams while it runs, results and errors as text; figures are saved,
  /// and named on standard error. Whoever cancels this has the cell interrupted.
  Task<CellEnding> run(std::string code, std::optional<double> timeout_seconds);
  Task<> interrupt();

 private:
  [[nodiscard]] std::string path(std::string_view rest) const;
  Result<> show_result(const boost::json::object& event);
  Result<std::string> save(std::string_view bytes, std::string_view ending);

  Remote& remote_;
  std::string sandbox_;
  std::string context_;
  std::string folder_;
  int figures_ = 0;
};

/// A request to the daemon in a task; its answer as an object.
Task<boost::json::object> ask(Remote& remote, std::string method, std::string target, boost::json::object body);

}  // namespace brig::client
