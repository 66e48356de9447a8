#pragma once
/// What the daemon answered, on its way to the terminal.
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

namespace brig::client {

/// The member as text: a string as it is, anything else as JSON; empty if it is missing or null.
std::string text_at(const boost::json::object& object, std::string_view name);

/// `text` on standard output; the program's exit code.
int print(const std::string& text);

}  // namespace brig::client
