#include "state_dir.h"

#include <unistd.h>

#include <cstdlib>

namespace brig::cli {

std::string default_state_dir() {
  if (::geteuid() == 0) return "/var/lib/brig";
  const char* state = std::getenv("XDG_STATE_HOME");  // NOLINT(concurrency-mt-unsafe): one thread
  if (state != nullptr && state[0] == '/') return std::string(state) + "/brig";
  const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe): one thread
  return home != nullptr && home[0] == '/' ? std::string(home) + "/.local/state/brig" : "";
}

}  // namespace brig::cli
