#include "templates_dir.h"

#include <limits.h>
#include <unistd.h>

#include "state_dir.h"

namespace brig::cli {

Result<HostPath> templates_folder(const std::optional<std::string>& given) {
  if (given) {
    std::string here(PATH_MAX, '\0');
    if (::getcwd(here.data(), here.size()) == nullptr) return Error::last_system("find the working folder");
    return resolve_host_path(*given, here.c_str()).context("--templates-dir");
  }
  if (::geteuid() == 0) return HostPath::parse("/var/lib/brig-templates");
  const std::string state = default_state_dir();
  if (state.empty())
    return Error(Code::kInvalidArgument, "where are templates kept? There is no HOME: give --templates-dir DIR");
  return HostPath::parse(state + "/templates");
}

}  // namespace brig::cli
