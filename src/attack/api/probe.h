#pragma once
/// Probe: one attack on a daemon's API, as one entry of a table.
///
/// The same code is its own control: as the attacker it must not reach what it is after, as the owner (or with the
/// harmless form of the same request) it must. A probe whose control reaches nothing has proved nothing and is not
/// counted as held.
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.h"

namespace brig::attack::api {

class Scene;

enum class Group : std::uint8_t {
  kRoutes,
  kRecords,
  kKeys,
  kPaths,
  kFraming,
  kPasses,
  kGuests,
  kBrowsers,
  kQuotas,
  kFloods,
};
inline constexpr std::size_t kGroupCount = 10;

/// "another key's sandbox, route by route", …
std::string_view title_of(Group group);

enum class Side : bool { kAttack, kControl };

/// What a probe saw, in one line. May contain anything a daemon or a guest answered.
struct Finding {
  bool has_reached = false;
  std::string seen;
  bool is_applicable = true;
};

struct Probe {
  std::string name;  ///< "301_key_in_the_query"
  Group group = Group::kRoutes;
  std::string attack;   ///< what is tried, in one line
  std::string refusal;  ///< what is expected to stop it
  std::function<Task<Finding>(Scene&, Side)> run;
  /// Needs the daemon's own Unix socket, which only a daemon of the harness's own has.
  bool needs_owner = false;
};

/// Every probe, in the order of their numbers, which is the order in which they run.
const std::vector<Probe>& all_probes();

/// The parts of it, one a file.
void add_route_probes(std::vector<Probe>& probes);
void add_record_probes(std::vector<Probe>& probes);
void add_key_probes(std::vector<Probe>& probes);
void add_path_probes(std::vector<Probe>& probes);
void add_framing_probes(std::vector<Probe>& probes);
void add_port_probes(std::vector<Probe>& probes);
void add_guest_probes(std::vector<Probe>& probes);
void add_browser_probes(std::vector<Probe>& probes);
void add_quota_probes(std::vector<Probe>& probes);
void add_flood_probes(std::vector<Probe>& probes);

}  // namespace brig::attack::api
