#pragma once
/// CellLines: what a cell says, as the JSON lines that E2B's code interpreter answers with; and requests to run one.
/// Pure.
///
/// Every line is ASCII: a published client decodes each piece of the answer by itself, and would take a character that
/// two of them share for two wrong ones. What a program prints in several writes is one line where they come together:
/// clients count on a print being one.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/wall_time.h"
#include "sandboxes/contexts/context.h"
#include "service/kernel.h"

namespace brig::api::e2b {

/// For a language whose interpreter is not there. The sentence that comes with it says what to do.
inline constexpr std::string_view kNotAvailable = "LanguageNotAvailable";

/// POST /execute.
struct Execution {
  service::Cell cell;
  std::string context_id;  ///< empty: none is named
  std::string language;    ///< normalised; empty: none is named
};

/// kInvalidArgument for what is no such request. Keys that it does not know are left alone, as the service does.
Result<Execution> read_execution(std::string_view body);

/// POST /contexts.
struct NewContext {
  std::string language = "python";  ///< normalised
  std::string cwd;                  ///< empty: the home folder
};
Result<NewContext> read_new_context(std::string_view body);

/// "keepalive", told when nothing else is.
std::string keepalive_line();

class CellLines {
 public:
  /// In the JSON forms of a cell's results: what is beyond is told as text. A cell chooses how many there are, and the
  /// daemon does nothing else while it takes them apart.
  static constexpr std::size_t kValuesMost = 50'000;

  /// The lines that are due when the cell says `event`; output may be held back until flush(). `count` is which cell of
  /// its interpreter it is, 0 while nobody knows.
  std::string take(sandboxes::CellEvent event, std::int64_t count, WallTime now);
  /// The output that is held back.
  std::string flush(WallTime now);
  [[nodiscard]] bool holds() const { return !held_.empty(); }

 private:
  using Kind = sandboxes::CellEvent::Kind;
  void hold(Kind kind, std::string text);

  std::size_t values_left_ = kValuesMost;
  bool has_counted_ = false;
  bool has_failed_ = false;
  Kind held_kind_ = Kind::kOut;
  std::string held_;     ///< whole characters of one stream
  std::string cut_out_;  ///< the beginning of a character
  std::string cut_err_;
};

}  // namespace brig::api::e2b
