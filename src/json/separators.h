#pragma once
/// A look at JSON text before it is parsed: how much would come of it. Pure.
#include <cstddef>
#include <string_view>

namespace brig::json {

/// How many separators of values (commas, colons, opening brackets) `text` has, or `most` + 1 if more: parsed, "[0,0,…"
/// takes many times its size. Whether it is JSON is the parser's to say.
std::size_t count_separators(std::string_view text, std::size_t most);

}  // namespace brig::json
