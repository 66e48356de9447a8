#pragma once
/// Body: what the JSON bodies of all façades have in common: their size, and the texts, variables and metadata in them.
/// Pure.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "json/reader.h"
#include "policy/policy.h"

namespace brig::api {

inline constexpr std::size_t kBodyMax = std::size_t{1} << 20;  ///< of a JSON body
inline constexpr std::size_t kMetadataMax = 64;                ///< names of one sandbox
inline constexpr std::size_t kMetadataTextMax = 4096;          ///< bytes of one name or value
inline constexpr std::size_t kMetadataBytesMax = 16 << 10;     ///< of all: they are kept when the sandbox has ended

/// The JSON object that a body is, of at most kBodyMax bytes; an empty body is {}.
Result<json::Value> parse_object(std::string_view body);

/// A text of at most `most` bytes without a NUL.
Result<std::string> read_text(const json::Reader& at, std::size_t most);
/// Environment variables: {"NAME": "value", …}, or ["NAME=value", …].
Result<std::vector<policy::Variable>> read_variables(const json::Reader& at);
/// A sandbox's metadata, {"name": "value", …}, within the bounds above.
Result<std::vector<policy::Variable>> read_metadata(const json::Reader& at);

}  // namespace brig::api
