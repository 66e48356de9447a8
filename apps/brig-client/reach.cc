#include "reach.h"

namespace brig::client {

Result<Reached> reach(const std::optional<std::string>& url, const std::optional<std::string>& key,
                      const std::string& what, std::vector<std::string> flags) {
  Reached reached;
  Where where = find_daemon(url, key);
  const bool is_named = url || key || !environment("BRIG_API_URL").empty() || !environment("BRIG_API_KEY").empty();
  if (!is_named) {
    flags.emplace_back("--end-with-parent");
    reached.own = TRY(OwnDaemon::start(what, flags));
    where = {.url = reached.own->owner_url(), .key = {}};
  }
  reached.remote = TRY(Remote::open(where));
  return reached;
}

}  // namespace brig::client
