#pragma once
/// Snippet: one hostile program text of a corpus, and reading a corpus. Pure.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace brig::attack {

struct Snippet {
  std::string category;
  std::string item;
  std::string code;
};

/// JSON lines with "category", "item" (numbers or texts) and "code"; other keys are ignored. kInvalidArgument names the
/// line.
Result<std::vector<Snippet>> parse_corpus(std::string_view text);

}  // namespace brig::attack
