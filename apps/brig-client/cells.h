#pragma once
/// Cells: code that runs in a context of a daemon, and what it says, at this terminal.
#include <cstdint>
#include <optional>
#include <string>

#include <boost/json/fwd.hpp>

#include "base/terminal_text.h"
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

  /// Runs a cell: what it prints goes to our own streams while it runs, results and errors as text; of all that, a
  /// terminal is shown only what TerminalText leaves. Figures are saved, as many as one cell may leave, and named on
  /// standard error. Whoever cancels this has the cell interrupted.
  Task<CellEnding> run(std::string code, std::optional<double> timeout_seconds);
  Task<> interrupt();

 private:
  [[nodiscard]] std::string path(std::string_view rest) const;
  Result<> show_result(const boost::json::object& event);
  Result<> print(int descriptor, std::string text);
  Result<> end_output();
  Result<> show_figure(std::string_view bytes, std::string_view ending);
  Result<std::string> save(std::string_view bytes, std::string_view ending);

  Remote& remote_;
  std::string sandbox_;
  std::string context_;
  std::string folder_;
  int figures_ = 0;
  // Of the cell that runs:
  std::size_t saved_ = 0;
  std::uint64_t saved_bytes_ = 0;
  std::size_t not_saved_ = 0;
  TerminalText out_;
  TerminalText err_;
};

/// A request to the daemon in a task; its answer as an object.
Task<boost::json::object> ask(Remote& remote, std::string method, std::string target, boost::json::object body);

}  // namespace brig::client
