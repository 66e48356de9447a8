#pragma once
/// What the daemon answered, on its way to the terminal.
#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>
#include <boost/json/object.hpp>

#include "base/result.h"

namespace brig::client {

/// The member as text: a string as it is, anything else as JSON; empty if it is missing or null.
std::string text_at(const boost::json::object& object, std::string_view name);

/// The `id` of what the daemon has made; an Error if the answer, another machine's, has none.
Result<std::string> id_of(const boost::json::value& answer);

/// `text` on standard output; the program's exit code.
int print(const std::string& text);

}  // namespace brig::client
