#pragma once
/// Log: what operators read. One JSON object a line, written with one write(2), so that lines of several processes do
/// not mix.
///
/// Names of events are constants ("sandbox.created"); values are fields. What came from a guest or a client is only
/// ever a value: escaped, and cut at kLogValueMax bytes. Never secrets.
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/fd.h"
#include "base/wall_time.h"

namespace brig {

inline constexpr std::size_t kLogValueMax = 512;

enum class Severity : std::uint8_t { kDebug, kInfo, kWarning, kError };

/// "debug", "info", "warning", "error"
std::string_view to_string(Severity severity);

using LogValue = std::variant<std::string_view, std::int64_t, bool>;
using LogField = std::pair<std::string_view, LogValue>;

class Log {
 public:
  /// `out` outlives it. Less severe records are dropped.
  Log(FdRef out, WallClock clock, Severity least = Severity::kInfo)
      : out_(out), clock_(std::move(clock)), least_(least) {}

  void write(Severity severity, std::string_view event, std::initializer_list<LogField> fields) const;
  void debug(std::string_view event, std::initializer_list<LogField> fields = {}) const {
    write(Severity::kDebug, event, fields);
  }
  void info(std::string_view event, std::initializer_list<LogField> fields = {}) const {
    write(Severity::kInfo, event, fields);
  }
  void warning(std::string_view event, std::initializer_list<LogField> fields = {}) const {
    write(Severity::kWarning, event, fields);
  }
  void error(std::string_view event, std::initializer_list<LogField> fields = {}) const {
    write(Severity::kError, event, fields);
  }

 private:
  FdRef out_;
  WallClock clock_;
  Severity least_;
};

/// {"time":"…","level":"info","event":"…",…} and a newline.
std::string format_log(WallTime now, Severity severity, std::string_view event, std::initializer_list<LogField> fields);

}  // namespace brig
