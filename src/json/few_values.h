#pragma once
/// A look at JSON text before it is parsed: how much would come of it. Pure.
#include <cstddef>
#include <string_view>

namespace brig::json {

/// Whether `text` has at most `most` separators of values (commas, colons, opening brackets): parsed, "[0,0,…" takes
/// many times its size. Whether it is JSON is the parser's to say.
bool has_few_values(std::string_view text, std::size_t most);

}  // namespace brig::json
