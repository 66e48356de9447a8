#pragma once
/// Fields of a message as protobuf's JSON has them: null is as good as absent, a whole number may be a text, bytes are
/// base64 in either alphabet, and fields that are not known are a later version's business. Pure.
///
/// Errors are kInvalidArgument and begin with the field's path.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "json/reader.h"

namespace brig::api::e2b {

/// A text of at most `most` bytes without NUL.
Result<std::string> text_in(const json::Reader& at, std::size_t most);
/// The text at `key`, empty if there is none.
Result<std::string> text_at(const json::Reader& object, std::string_view key, std::size_t most);
/// The truth at `key`, else `usual`.
Result<bool> flag_at(const json::Reader& object, std::string_view key, bool usual);
/// A whole number, also as a text of digits.
Result<std::uint64_t> number_in(const json::Reader& at, std::uint64_t most);

/// Bytes in base64, with or without padding.
Result<std::string> bytes_in(const json::Reader& at);

}  // namespace brig::api::e2b
