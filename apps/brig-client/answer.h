#pragma once
/// What the daemon answered, on its way to the terminal.
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>
#include <boost/json/object.hpp>

#include "base/result.h"

namespace brig::client {

/// The member as text: a string as it is, anything else as JSON; empty if it is missing or null.
std::string text_at(const boost::json::object& object, std::string_view name);

// An answer is another machine's, and whatever answers there may be no Brig: each of these is kUnsupported, with a
// sentence that says what the answer lacks, rather than a look into what is not there.

/// The answer, an object.
Result<boost::json::object> object_of(const boost::json::value& answer);
/// Its list of that name; every one in it is an object.
Result<std::vector<boost::json::object>> list_of(const boost::json::value& answer, std::string_view name);
/// Its text of that name, which is not empty.
Result<std::string> text_of(const boost::json::value& answer, std::string_view name);
/// text_of "id": of what the daemon has made.
Result<std::string> id_of(const boost::json::value& answer);

/// `text` on standard output; the program's exit code.
int print(const std::string& text);

}  // namespace brig::client
