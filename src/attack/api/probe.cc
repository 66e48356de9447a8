#include "attack/api/probe.h"

namespace brig::attack::api {

std::string_view title_of(Group group) {
  switch (group) {
    case Group::kRoutes: return "another's sandbox, route by route";
    case Group::kRecords: return "lists, events and kept answers";
    case Group::kKeys: return "keys";
    case Group::kPaths: return "targets and hosts";
    case Group::kFraming: return "where a request ends";
    case Group::kPasses: return "previews of ports";
    case Group::kGuests: return "hostile servers inside";
    case Group::kBrowsers: return "pages of others in a browser";
    case Group::kQuotas: return "quotas and wishes";
    case Group::kFloods: return "what the daemon pays";
  }
  return "?";
}

const std::vector<Probe>& all_probes() {
  static const std::vector<Probe> probes = [] {
    std::vector<Probe> made;
    add_route_probes(made);
    add_record_probes(made);
    add_key_probes(made);
    add_path_probes(made);
    add_framing_probes(made);
    add_port_probes(made);
    add_guest_probes(made);
    add_browser_probes(made);
    add_quota_probes(made);
    add_flood_probes(made);
    return made;
  }();
  return probes;
}

}  // namespace brig::attack::api
