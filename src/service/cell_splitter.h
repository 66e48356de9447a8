#pragma once
/// CellSplitter: from lines, as they are typed or come out of a pipe, to cells that a kernel can run. Pure.
///
/// It knows enough of each language to see that a cell goes on: an open bracket, a text over several lines, a block.
/// It is no parser: what it takes wrongly, an empty line ends (typed) or the kernel refuses.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "service/languages.h"

namespace brig::service {

/// What a text leaves open at its end.
struct OpenEnds {
  bool is_inside = false;  ///< a bracket, a text or a comment: an empty line belongs to it
  bool has_block = false;  ///< more may follow that belongs to it
};
OpenEnds open_ends(const Language& language, std::string_view text);

class CellSplitter {
 public:
  /// `is_typed`: an empty line ends a block, as at a prompt. Else a line that cannot belong to it does.
  CellSplitter(const Language& language, bool is_typed) : language_(&language), is_typed_(is_typed) {}

  /// Takes a line, without its end; the cells that are complete now: none, one, or two.
  std::vector<std::string> take(std::string_view line);
  /// What the end of the input leaves, if it is more than space.
  std::optional<std::string> finish();
  void drop() { text_.clear(); }
  /// Whether a cell has begun.
  [[nodiscard]] bool is_open() const { return !text_.empty(); }

 private:
  [[nodiscard]] bool continues(std::string_view line) const;

  const Language* language_;
  bool is_typed_;
  std::string text_;
};

}  // namespace brig::service
