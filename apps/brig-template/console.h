#pragma once
/// Console: what a person sees of a build, and its log.
#include <chrono>
#include <deque>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace brig::templates {

class Console {
 public:
  /// The log goes to `<folder>/<name>.log`, in the place of the last build's.
  static Result<Console> open(const std::string& folder, const std::string& name);
  Console(Console&&) = default;
  Console& operator=(Console&&) = default;
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;
  ~Console();

  /// To the log; to the standard error as well once the build takes more than half a second: on a terminal as one line
  /// that changes.
  void line(std::string_view text);
  /// To the log; a terminal's changing line shows it too. Elsewhere one of them now and then says that it goes on.
  void detail(std::string_view text);
  /// Ends the changing line.
  void finish();
  /// The last lines that nobody was shown, to the standard error: of a build that failed.
  void show_unseen();
  [[nodiscard]] const std::string& log_path() const { return path_; }

 private:
  Console(std::string path, Fd log);
  void write_over(std::string_view text);
  void keep(std::string_view text);
  std::string path_;
  Fd log_;
  std::chrono::steady_clock::time_point begun_;
  std::chrono::steady_clock::time_point told_;  ///< when somebody last heard of it
  bool is_terminal_ = false;
  bool is_line_open_ = false;
  std::deque<std::string> unseen_;
};

}  // namespace brig::templates
