#pragma once
/// Outside: what of the host must be the same before and after the suite.
#include <map>
#include <string>
#include <vector>

namespace brig::attack {

/// Kernel settings that escapes change, the host's name and its mount table, by name.
using HostState = std::map<std::string, std::string>;

HostState read_host_state();

/// Files and folders that hostile programs go for: contents of the first, names in the second. Contents are hashed,
/// never shown.
HostState read_host_files();

/// What differs, in words: "kernel.core_pattern changed from … to …".
std::vector<std::string> changes(const HostState& before, const HostState& after);

/// The pids of processes of that name on this host, as far as the caller may see.
std::vector<std::string> processes_named(const std::string& name);

}  // namespace brig::attack
