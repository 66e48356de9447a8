#pragma once
/// Tables for people: columns as wide as they need to be.
#include <string>
#include <vector>

namespace brig::client {

/// Rows of equal length, the first of them the headings. Control characters in cells are shown as escapes.
std::string table_of(const std::vector<std::vector<std::string>>& rows);

}  // namespace brig::client
