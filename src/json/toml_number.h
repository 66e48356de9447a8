#pragma once
/// The numbers of TOML 1.0. Part of json/toml.h; nothing else uses it.
#include <cstdint>
#include <optional>
#include <string_view>

namespace brig::json {

/// "17", "-1_000", "0xff", "0o17", "0b101"; nothing for other texts and for numbers outside 64 bits.
std::optional<std::int64_t> parse_toml_integer(std::string_view token);

/// "1.5", "1e6", "-inf", "nan"; nothing for other texts (integers too) and for numbers beyond a double.
std::optional<double> parse_toml_float(std::string_view token);

}  // namespace brig::json
