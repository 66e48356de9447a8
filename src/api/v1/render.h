#pragma once
/// From values to the JSON of answers. Pure.
#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "runtime/cell_report.h"
#include "sandboxes/command.h"
#include "sandboxes/sandboxes.h"
#include "store/store.h"

namespace brig::api::v1 {

/// A sandbox that lives. `boot`: "pool" or "cold", and how long it took; only where it has just been made.
boost::json::object to_json(const sandboxes::Sandbox& sandbox);
/// What a wall can do.
boost::json::object to_json(const runtime::Capabilities& capabilities);
/// One from the store: it may have ended.
boost::json::object to_json(const store::Sandbox& record);

/// A command that runs or has ended; without its output.
boost::json::object to_json(const sandboxes::Command& command);
/// A command that has ended, with head and tail of its output.
Result<boost::json::object> result_json(const sandboxes::Command& command);

boost::json::object to_json(const guest::FileEntry& entry, std::string_view name);
/// What a sandbox uses, and may use.
boost::json::object to_json(const runtime::CellReport& report, const policy::Limits& limits);

std::string text_of(const boost::json::object& object);

}  // namespace brig::api::v1
